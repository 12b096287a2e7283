// The one executable. Everything it does is in run_app().
#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

#include "app/app.h"

int main(int argc, char** argv) {
  const int code = signet::kernel::run_app({argv, argv + argc});
#ifdef SIGNET_SANITIZED
  return code;  // leaks are looked for at exit
#else
  // Libraries of plugins stay loaded and may have threads; their exit handlers would pull
  // the floor from under them.
  std::fflush(nullptr);
  _exit(code);
#endif
}
