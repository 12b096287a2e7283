// signet.host.services: one plugin finds another and calls it.
#include <string>

#include "host/host_table.h"
#include "life/instance.h"
#include "life/scope.h"

struct signet_handle {
  std::shared_ptr<signet::kernel::Instance> instance;
  const void* vtable;
};

namespace signet::kernel {
namespace {

std::vector<std::shared_ptr<Instance>> offering(Scope& scope, const char* id,
                                                std::string_view name) {
  std::vector<std::shared_ptr<Instance>> found;
  for (auto& instance : scope.instances()) {
    if (!instance->offers(id)) continue;
    if (!name.empty() && instance->short_name() != name && instance->full_name() != name) continue;
    found.push_back(std::move(instance));
  }
  return found;
}

signet_status services_acquire(const signet_host* host, const char* id, signet_str name,
                               signet_handle** out) {
  if (id == nullptr || out == nullptr) return SIGNET_INVALID_ARGUMENT;
  Scope& scope = caller_of(host).scope();
  const std::string_view wanted =
      name.ptr ? std::string_view(name.ptr, name.len) : std::string_view();
  auto found = offering(scope, id, wanted);
  if (found.empty()) found = offering(*scope.process().system(), id, wanted);
  if (found.empty()) return SIGNET_NOT_FOUND;
  if (found.size() > 1) return SIGNET_FAILED_PRECONDITION;
  const void* vtable = found.front()->service(id);
  if (vtable == nullptr) return SIGNET_NOT_FOUND;
  *out = new signet_handle{std::move(found.front()), vtable};
  return SIGNET_OK;
}

void services_release(signet_handle* handle) { delete handle; }

void services_list(const signet_host* host, const char* id, void (*fn)(void*, signet_str),
                   void* arg) {
  if (id == nullptr || fn == nullptr) return;
  Scope& scope = caller_of(host).scope();
  auto found = offering(scope, id, {});
  if (found.empty()) found = offering(*scope.process().system(), id, {});
  for (const auto& instance : found)
    fn(arg, {instance->short_name().data(), instance->short_name().size()});
}

signet_status services_begin(signet_handle* handle, std::int64_t deadline_ns,
                             const signet_sink* sink, void* arg, signet_call** call,
                             signet_instance** instance, const void** vtable) {
  if (handle == nullptr || call == nullptr || instance == nullptr || vtable == nullptr) {
    return SIGNET_INVALID_ARGUMENT;
  }
  Call* begun = Call::begin(handle->instance, deadline_ns, sink, arg);
  if (begun == nullptr) return SIGNET_UNAVAILABLE;
  *call = begun->abi();
  *instance = handle->instance->self();
  *vtable = handle->vtable;
  return SIGNET_OK;
}

signet_status services_end(signet_call* call, signet_status returned) {
  return Call::from(call)->end(returned);
}
void services_cancel(signet_call* call) { Call::from(call)->cancel(); }

}  // namespace

const signet_host_services kHostServices = {sizeof(signet_host_services),
                                            0,
                                            &services_acquire,
                                            &services_release,
                                            &services_list,
                                            &services_begin,
                                            &services_end,
                                            &services_cancel};

}  // namespace signet::kernel
