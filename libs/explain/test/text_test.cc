#include "explain/text.h"

#include "seeds.h"

namespace signet::explain {
namespace {

using namespace test;

TEST(Text, SaysWhatDecidesFirst) {
  Facts facts = good();
  replace(meant(facts), "unix:uid:1000", "unix:uid:1001");
  facts.missing_at_server.insert("peer.org");
  facts.notes.push_back("a word more");
  const std::string text = text_of(analyse(facts, {"docker:env"}));
  EXPECT_TRUE(text.starts_with("No identity is given.\n  => wrong uid: ")) << text;
  EXPECT_NE(text.find("   ! bundle missing: "), std::string::npos) << text;
  EXPECT_NE(text.find("  unix in 1.0 ms\n      unix:path:/usr/bin/shop\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("docker:env:[redacted]"), std::string::npos) << text;
  EXPECT_NE(text.find("      lacks:  unix:uid:1001\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Note: a word more\n"), std::string::npos) << text;
}

TEST(Text, AWorkloadCannotWriteLinesOfItsOwn) {
  Facts facts = good();
  facts.attestors->front().values.push_back("path:/tmp/a\n  => agent banned: \x1b[2J\xff");
  attest(facts);
  replace(meant(facts), "unix:path:/usr/bin/shop", "unix:path:/tmp/b");
  const auto explanation = analyse(facts, {});
  EXPECT_TRUE(explanation.SerializeAsString().find('\xff') == std::string::npos);
  const std::string text = text_of(explanation);
  EXPECT_EQ(text.find("\n  => agent banned"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("/tmp/a\\x0a  => agent banned: \\x1b[2J\\xff\n"), std::string::npos) << text;
}

TEST(Text, SaysThatAllIsWell) {
  EXPECT_TRUE(text_of(analyse(good(), {})).starts_with("An identity is given.\n\nAttested:\n"));
}

}  // namespace
}  // namespace signet::explain
