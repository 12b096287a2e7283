// What the kernel of the machine lets only the thread itself do, done by all threads there are.
#pragma once

#include <sys/types.h>

namespace signet::kernel {

// The last real-time signal, which nobody else uses.
constexpr int kAskSignal = 64;

/// Every thread runs `act` in a signal handler, so it makes system calls only, until no thread
/// `lacks` what it does. One that starts meanwhile has what its maker has, or is asked too.
/// false   a thread did not answer within five seconds, or /proc is not mounted
bool on_every_thread(void (*act)(), bool (*lacks)(pid_t thread));

}  // namespace signet::kernel
