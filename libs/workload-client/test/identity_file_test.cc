#include "identity_file.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "test_authority.h"
#include "x509/pem.h"

namespace signet::workload_client {
namespace {

using testing::TestAuthority;

std::string read(const std::string& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

struct stat look(const std::string& path) {
  struct stat out {};
  EXPECT_EQ(stat(path.c_str(), &out), 0);
  return out;
}

TEST(IdentityFile, HoldsKeyAndChainAndIsReplacedWhole) {
  const TestAuthority authority("example.org");
  const auto first = X509Context::parse(authority.answer("/1")).value();
  const auto second = X509Context::parse(authority.answer("/2")).value();
  const auto file = IdentityFile::create(first->default_svid()).value();
  const std::string before = read(file->path());
  EXPECT_TRUE(before.starts_with("-----BEGIN PRIVATE KEY-----\n"));
  EXPECT_TRUE(before.ends_with(x509::write_pem(first->default_svid().chain)));
  EXPECT_TRUE(crypto::equal(crypto::PrivateKey::from_pem(before)->public_key().spki(),
                            first->default_svid().chain[0].spki()));
  const auto old = look(file->path());
  EXPECT_EQ(old.st_mode & 07777, 0400U);

  std::ifstream opened(file->path());  // by a reader that is slow
  ASSERT_TRUE(file->replace(second->default_svid()).ok());
  std::stringstream slow;
  slow << opened.rdbuf();
  EXPECT_EQ(slow.str(), before);
  EXPECT_TRUE(read(file->path()).ends_with(x509::write_pem(second->default_svid().chain)));
  EXPECT_GT(look(file->path()).st_mtime, old.st_mtime) << "how gRPC sees that it was replaced";
}

TEST(IdentityFile, ItsNumberIsNotInherited) {
  const TestAuthority authority("example.org");
  const auto context = X509Context::parse(authority.answer("/1")).value();
  const auto file = IdentityFile::create(context->default_svid()).value();
  for (int n = 0; n < 2; ++n) {
    const std::string check = "test ! -e /proc/self/fd/" + file->path().substr(14);
    EXPECT_EQ(std::system(check.c_str()), 0) << file->path();  // NOLINT: a fixed program
    ASSERT_TRUE(file->replace(context->default_svid()).ok());
  }
}

}  // namespace
}  // namespace signet::workload_client
