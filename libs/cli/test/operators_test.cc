#include "cli/operators.h"

#include <gtest/gtest.h>

#include "spire/api/agent/debug/v1/debug.pb.h"

namespace signet::cli {
namespace {

namespace types = ::spire::api::types;

TEST(LogLevels, AreReadInAnyCaseAndPrintedAsSpireSpellsThem) {
  types::Logger logger;
  for (const auto& [word, printed] : {std::pair("panic", "panic"),
                                      {"FATAL", "fatal"},
                                      {"error", "error"},
                                      {"warn", "warning"},
                                      {"Warning", "warning"},
                                      {"info", "info"},
                                      {"debug", "debug"},
                                      {"trace", "trace"}}) {
    const auto level = parse_log_level(word);
    ASSERT_TRUE(level.ok()) << word;
    logger.set_current_level(*level);
    logger.set_launch_level(types::INFO);
    EXPECT_EQ(logger_text(logger).value(),
              std::string("Logger Level : ") + printed + "\nLaunch Level : info\n\n");
  }
}

TEST(LogLevels, WordsThatAreNoneAreRefused) {
  EXPECT_EQ(parse_log_level("Never").status().message(),
            "the value \"Never\" is not a valid setting");
  EXPECT_FALSE(parse_log_level("").ok());
}

TEST(LogLevels, AnAnswerWithoutALevelIsAnError) { EXPECT_FALSE(logger_text(types::Logger()).ok()); }

TEST(SvidChain, HasALineForEachFactOfACertificate) {
  spire::agent::debug::v1::GetInfoResponse info;
  EXPECT_EQ(svid_chain_text(info.svid_chain()), "");
  auto* leaf = info.add_svid_chain();
  leaf->mutable_id()->set_trust_domain("example.org");
  leaf->mutable_id()->set_path("/node");
  leaf->set_subject("O=SPIRE");
  leaf->set_expires_at(0);
  info.add_svid_chain();
  EXPECT_EQ(svid_chain_text(info.svid_chain()),
            "  SVID Chain:\n"
            "    [0] SPIFFE ID:  spiffe://example.org/node\n"
            "        Subject:    O=SPIRE\n"
            "        Expires At: 1970-01-01T00:00:00Z\n"
            "    [1] SPIFFE ID:  (none)\n"
            "        Subject:    \n"
            "        Expires At: 1970-01-01T00:00:00Z\n");
}

}  // namespace
}  // namespace signet::cli
