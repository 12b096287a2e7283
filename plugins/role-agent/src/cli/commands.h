// The commands of "signet agent", one function each: the exit code (cli/table.h).
#pragma once

#include "cli/table.h"

namespace signet::agent::cli {

using signet::cli::Args;
using signet::cli::Context;

int run_agent(Context&, const Args&);
int validate_config(Context&, const Args&);
int healthcheck(Context&, const Args&);
int explain_workload(Context&, const Args&);
int fetch_x509_svid(Context&, const Args&);
int fetch_jwt_svid(Context&, const Args&);
int validate_jwt_svid(Context&, const Args&);
int watch(Context&, const Args&);
int show_debug_info(Context&, const Args&);
int show_log_level(Context&, const Args&);
int set_log_level(Context&, const Args&);
int reset_log_level(Context&, const Args&);

}  // namespace signet::agent::cli
