// "test.widget/1": the service of the kernel's test plugins.
#pragma once

#include "signet/abi/base.h"

// poke(how): "echo" emits, "pending" completes from another thread, "double" completes twice
// and emits late, "never" stays pending, "fail" fails with words, "config" emits the settings.
typedef struct test_widget {
  uint32_t struct_size;
  uint32_t reserved;
  signet_status (*poke)(signet_instance*, signet_call*, signet_str how);
} test_widget;
