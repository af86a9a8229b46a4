// Scores the lines of a file:   score FILE [SCORER]
#include <exception>
#include <fstream>
#include <iostream>

#include "limpid/limpid.h"

int main(int argc, char** argv) try {
  std::ifstream file(argv[1]);
  std::vector<std::string> texts;
  for (std::string line; std::getline(file, line);) texts.push_back(line);

  const auto scorer = limpid::open_scorer(limpid::ScorerSpec::parse(argc > 2 ? argv[2] : ""));
  const std::vector<double> scores = scorer->score(texts);
  size_t toxic = 0;
  for (double score : scores) {
    std::cout << score << '\n';
    toxic += score > scorer->threshold();
  }
  std::cerr << toxic << " of " << texts.size() << " lines are above the threshold of " << scorer->threshold() << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
