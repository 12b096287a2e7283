// The one executable. Everything it does is in run_app().
#include <string>
#include <vector>

#include "app/app.h"

int main(int argc, char** argv) { return signet::kernel::run_app({argv, argv + argc}); }
