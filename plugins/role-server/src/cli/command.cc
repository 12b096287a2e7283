#include "cli/command.h"

#include "cli/commands.h"

namespace signet::server::cli {
namespace {

using signet::cli::Row;

constexpr Row kCommands[] = {
    {"run", "Runs the server in the foreground", run_server},
    {"validate", "Checks a configuration file and starts nothing", validate_config},
    {"healthcheck", "Asks a running server whether it serves", healthcheck},
    {"explain", "Tells why the workload of an entry gets no identity", explain_entry},
    {"leave", "Ends this server's part in the trust domain for good", leave_trust_domain},
    {"datastore check", "Tells whether this program can use the datastore's tables",
     check_datastore},
    {"datastore migrate", "Brings the datastore's tables up to date", migrate_datastore},
    {"datastore import-spire", "Takes over a SPIRE server's records and keys", import_spire},
    {"token generate", "Makes a join token for one agent", generate_token},
    {"entry create", "Registers workloads or nodes", create_entry},
    {"entry update", "Replaces registration entries", update_entry},
    {"entry show", "Prints the registration entries that match", show_entries},
    {"entry count", "Counts the registration entries that match", count_entries},
    {"entry delete", "Deletes registration entries", delete_entry},
    {"agent list", "Prints the attested agents that match", list_agents},
    {"agent count", "Counts the attested agents that match", count_agents},
    {"agent show", "Prints one attested agent", show_agent},
    {"agent ban", "Shuts out an agent until it is evicted", ban_agent},
    {"agent evict", "Forgets an agent, which may then attest again", evict_agent},
    {"agent purge", "Forgets agents that expired long ago and can attest again", purge_agents},
    {"bundle show", "Prints the trust bundle of the server", show_bundle},
    {"bundle list", "Prints the bundles of federated trust domains", list_bundles},
    {"bundle count", "Counts the bundles, the server's own included", count_bundles},
    {"bundle set", "Stores the bundle of a federated trust domain", set_bundle},
    {"bundle delete", "Deletes the bundle of a federated trust domain", delete_bundle},
    {"federation create", "Federates with a foreign trust domain", create_federation},
    {"federation update", "Changes a federation relationship", update_federation},
    {"federation show", "Prints a federation relationship", show_federation},
    {"federation list", "Prints all federation relationships", list_federation},
    {"federation delete", "Ends a federation relationship; the bundle stays", delete_federation},
    {"federation refresh", "Fetches the bundle of a federated trust domain now",
     refresh_federation},
    {"federation status", "Tells how old each federated bundle is, and what failed",
     show_federation_status},
    {"x509 mint", "Mints an X509-SVID with a fresh key", mint_x509_svid},
    {"jwt mint", "Mints a JWT-SVID", mint_jwt_svid},
    {"wit mint", "Mints a WIT-SVID with a fresh key", mint_wit_svid},
    {"debug getinfo", "Prints what the server knows of itself", show_debug_info},
    {"logger get", "Prints the log level now and at the start", show_log_level},
    {"logger set", "Changes the log level until the next start", set_log_level},
    {"logger reset", "Sets the log level back to that of the start", reset_log_level},
    {"localauthority x509 show", "Prints this server's X.509 authorities", show_x509_authority},
    {"localauthority x509 prepare", "Makes the next X.509 authority and publishes it",
     prepare_x509_authority},
    {"localauthority x509 activate", "Lets the prepared X.509 authority sign",
     activate_x509_authority},
    {"localauthority x509 taint", "Has everything replaced that the old X.509 authority signed",
     taint_x509_authority},
    {"localauthority x509 revoke", "Removes the tainted X.509 authority from the bundle",
     revoke_x509_authority},
    {"localauthority jwt show", "Prints this server's JWT authorities", show_jwt_authority},
    {"localauthority jwt prepare", "Makes the next JWT authority and publishes it",
     prepare_jwt_authority},
    {"localauthority jwt activate", "Lets the prepared JWT authority sign", activate_jwt_authority},
    {"localauthority jwt taint", "Has everything replaced that the old JWT authority signed",
     taint_jwt_authority},
    {"localauthority jwt revoke", "Removes the tainted JWT authority from the bundle",
     revoke_jwt_authority},
    {"localauthority wit show", "Prints this server's WIT authorities", show_wit_authority},
    {"localauthority wit prepare", "Makes the next WIT authority and publishes it",
     prepare_wit_authority},
    {"localauthority wit activate", "Lets the prepared WIT authority sign", activate_wit_authority},
    {"localauthority wit taint", "Has everything replaced that the old WIT authority signed",
     taint_wit_authority},
    {"localauthority wit revoke", "Removes the tainted WIT authority from the bundle",
     revoke_wit_authority},
    {"upstreamauthority taint", "Has everything replaced below an old upstream root",
     taint_upstream_authority},
    {"upstreamauthority revoke", "Removes a tainted upstream root from the bundle",
     revoke_upstream_authority},
};

}  // namespace

Result<int> run(const Host& host, const Call& call, const std::vector<std::string>& argv,
                const int fds[3]) {
  return signet::cli::run_command_line("server", kCommands, host, call, argv, fds);
}

}  // namespace signet::server::cli
