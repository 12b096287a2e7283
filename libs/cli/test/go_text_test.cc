#include "cli/go_text.h"
