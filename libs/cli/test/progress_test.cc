#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <termios.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "signet/fd.h"

#include "cli/io.h"
#include "support.h"

namespace signet::cli {
namespace {

// A terminal, seen from the screen's side.
class Screen {
 public:
  Screen() : screen_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_EQ(grantpt(screen_.get()), 0);
    EXPECT_EQ(unlockpt(screen_.get()), 0);
    std::array<char, 128> name{};
    EXPECT_EQ(ptsname_r(screen_.get(), name.data(), name.size()), 0);
    program_ = Fd(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_TRUE(program_);
  }
  int program() const { return program_.get(); }
  /// What was written since the last call; a pseudo-terminal hands it over at once.
  std::string shown() const {
    EXPECT_EQ(tcdrain(program_.get()), 0);
    EXPECT_EQ(fcntl(screen_.get(), F_SETFL, O_NONBLOCK), 0);
    std::array<char, 1024> text{};
    const ssize_t n = read(screen_.get(), text.data(), text.size());
    return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : "";
  }

 private:
  Fd screen_;
  Fd program_;
};

TEST(Progress, CountsUpOnATerminalAndWipesItsLine) {
  const Screen screen;
  const int fds[3] = {screen.program(), screen.program(), screen.program()};
  const Io io(fds);
  {
    Progress progress(io, "entries created", 250);
    progress.at(100);
    EXPECT_EQ(screen.shown(), "\r100 of 250 entries created\x1b[K");
    progress.at(250);
    EXPECT_EQ(screen.shown(), "\r250 of 250 entries created\x1b[K");
  }
  EXPECT_EQ(screen.shown(), "\r\x1b[K");
  {
    Progress progress(io, "entries created", 0);
    progress.at(7);
    EXPECT_EQ(screen.shown(), "\r7 entries created\x1b[K") << "how many there will be is not known";
  }
}

TEST(Progress, LeavesATerminalAloneWhenThereWasNothingToCount) {
  const Screen screen;
  const int fds[3] = {screen.program(), screen.program(), screen.program()};
  const Io io(fds);
  { const Progress progress(io, "entries created", 250); }
  EXPECT_EQ(screen.shown(), "");
}

TEST(Progress, SaysNothingToAFile) {
  CapturedIo captured;
  {
    Progress progress(captured.io(), "entries created", 250);
    progress.at(100);
  }
  EXPECT_EQ(captured.err(), "");
}

}  // namespace
}  // namespace signet::cli
