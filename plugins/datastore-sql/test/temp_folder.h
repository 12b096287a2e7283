// TempFolder: a folder of its own for one test, gone with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace signet::datastore_sql {

class TempFolder {
 public:
  TempFolder() {
    path_ = (std::filesystem::temp_directory_path() / "datastore-sql-XXXXXX").string();
    if (!mkdtemp(path_.data())) std::abort();
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name = "datastore.sqlite3") const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace signet::datastore_sql
