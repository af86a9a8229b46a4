// Offensive words are shown by their first letter until asked for. The list is hashes: no source spells the words out.

const kWord = /[\p{L}\p{M}\p{N}]+/gu;
const kUnfinishedWord = /[\p{L}\p{M}\p{N}]+$/u;
const kLongestHeld = 40; // of writing without spaces, which would never be shown
const hashes = new Set(maskedWordHashes.map(BigInt));
const known = new Map();

/** 64-bit FNV-1a of the word's UTF-8. */
function hashOf(word) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(word)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** The forms that a word may be listed under: itself, and without -s, -es, -ies, -ed, -ing. */
function formsOf(word) {
  const forms = [word];
  const stem = (suffix) => (word.endsWith(suffix) && word.length >= suffix.length + 3 ? word.slice(0, -suffix.length) : null);
  for (const suffix of ["s", "es"]) if (stem(suffix)) forms.push(stem(suffix));
  if (stem("ies")) forms.push(stem("ies") + "y");
  for (const suffix of ["ed", "ing"]) {
    const rest = stem(suffix);
    if (!rest) continue;
    forms.push(rest, rest + "e");
    if (rest.length > 3 && rest.at(-1) === rest.at(-2)) forms.push(rest.slice(0, -1));
  }
  return forms;
}

function isOffensive(word) {
  const lower = word.toLowerCase();
  if (!known.has(lower)) known.set(lower, formsOf(lower).some((form) => hashes.has(hashOf(form))));
  return known.get(lower);
}

/** Returns the text, of the same length, with the letters of offensive words but the first as asterisks. */
function mask(text) {
  return text.replace(kWord, (word) => {
    if (!isOffensive(word)) return word;
    const first = String.fromCodePoint(word.codePointAt(0));
    return first + "*".repeat(word.length - first.length);
  });
}

/** Returns how much of a growing text can be shown: not its last word, which may yet become one to mask. */
function finishedLength(text) {
  const last = kUnfinishedWord.exec(text.slice(-kLongestHeld - 1));
  return last && last[0].length <= kLongestHeld ? text.length - last[0].length : text.length;
}
