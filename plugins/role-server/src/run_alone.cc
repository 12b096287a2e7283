#include "run_alone.h"

namespace signet::server {

Result<bool> run_alone(const Datastore& datastore, std::string_view job,
                       const std::function<Status()>& work) {
  SIGNET_TRY(Transaction claim, datastore.read());
  if (const Status claimed = claim.claim(job); !claimed.ok()) {
    return claimed.code() == Code::kAborted ? Result<bool>(false) : Result<bool>(claimed);
  }
  SIGNET_RETURN_IF_ERROR(work());
  return true;
}

}  // namespace signet::server
