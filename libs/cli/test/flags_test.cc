#include "cli/flags.h"
