// CapturedIo: an Io over temporary files, to read what a command printed.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <unistd.h>

#include "cli/io.h"

namespace signet::cli {

class CapturedIo {
 public:
  explicit CapturedIo(const std::string& input = "") {
    for (std::FILE*& file : files_) file = std::tmpfile();
    std::fwrite(input.data(), 1, input.size(), files_[0]);
    std::rewind(files_[0]);
    const int fds[3] = {fileno(files_[0]), fileno(files_[1]), fileno(files_[2])};
    io_.emplace(fds);
  }
  ~CapturedIo() {
    for (std::FILE* file : files_) std::fclose(file);
  }
  CapturedIo(const CapturedIo&) = delete;
  CapturedIo& operator=(const CapturedIo&) = delete;

  Io& io() { return *io_; }
  std::string out() const { return content(1); }
  std::string err() const { return content(2); }

 private:
  std::string content(int which) const {
    std::string text(static_cast<std::size_t>(lseek(fileno(files_[which]), 0, SEEK_END)), '\0');
    const ssize_t n = pread(fileno(files_[which]), text.data(), text.size(), 0);
    return n == static_cast<ssize_t>(text.size()) ? text : "cannot read";
  }
  std::FILE* files_[3] = {};
  std::optional<Io> io_;
};

}  // namespace signet::cli
