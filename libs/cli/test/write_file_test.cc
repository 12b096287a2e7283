#include "cli/write_file.h"
