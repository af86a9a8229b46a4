// The families, one line each: LIMPID_DECODER(NAME) stands for the description NAME_family() of
// checkpoints/families/NAME.cpp and the model make_NAME of models/NAME.cpp; an encoder's description is all it needs.
LIMPID_DECODER(gemma3)
LIMPID_DECODER(gpt2)
LIMPID_DECODER(llama)
LIMPID_ENCODER(bert)
LIMPID_ENCODER(distilbert)
LIMPID_ENCODER(roberta)
