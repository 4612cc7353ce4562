// A partition of the host's graph while it runs: what the host calls in place of the nodes we took.
#pragma once

#include <map>
#include <string>

#include "base/isa.h"
#include "delegate/node_reader.h"
#include "delegate/tflite_abi.h"

namespace edgehybrid {

// What a delegate was made with, and the nodes it has read of the graph that it is being applied to.
struct DelegateState {
  tflite::Delegate delegate{};  // whose `data` is this
  Isa isa = Isa::kReference;
  // A line of JSON a compiled region; empty for none.
  std::string report_file;
  // A line of JSON a compiled region that is freed, with the time of each of its parts; empty for none.
  std::string profile_file;
  std::size_t graph_nodes = 0;
  std::map<int, std::vector<HostNode>> nodes;  // by index in the execution plan
};

// The registration that stands for a partition.
tflite::RegistrationWithRoom PartitionRegistration();

// "edgehybrid: message. ", through the host's own log. Python's interpreter strings together what is logged, and raises
// it.
void Report(tflite::Context* context, const std::string& message);

}  // namespace edgehybrid
