#include "delegate/kernel.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

#include "delegate/region.h"
#include "graph/reference.h"
#include "plan/plan.h"

namespace edgehybrid {

namespace {

// More threads than this are a mistake of the caller's.
constexpr int kMostThreads = 256;

struct Partition {
  const DelegateState* state = nullptr;
  std::string error;  // of init(), which cannot fail; prepare() does in its place
  Region region;
  Graph graph;  // for the batch that `plan` is compiled for
  Profile profile;
  std::unique_ptr<Plan> plan;
  int batch = 0, threads = 0;
};

// Nothing that is thrown leaves through the host's C.
template <typename Work>
tflite::Status Guarded(tflite::Context* context, Work work) noexcept {
  try {
    work();
    return tflite::kOk;
  } catch (const std::exception& error) {
    Report(context, error.what());
  }
  return tflite::kError;
}

// Of the host's nodes behind the graph's, in their order, each once: several in a row may stand for one.
std::vector<int> EachOnce(std::vector<int> nodes) {
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

template <typename Numbers>
std::string ListedJson(const Numbers& numbers) {
  std::string list;
  for (const auto number : numbers) list += (list.empty() ? "" : ", ") + std::to_string(number);
  return "[" + list + "]";
}

void AppendLine(const std::string& path, const std::string& line) {
  std::FILE* file = std::fopen(path.c_str(), "a");
  const bool is_written = file != nullptr && std::fputs((line + "\n").c_str(), file) >= 0;
  const bool is_closed = file != nullptr && std::fclose(file) == 0;
  if (!is_written || !is_closed) throw std::runtime_error("cannot write " + path);
}

void AppendReport(const Partition& partition) {
  const DelegateState& state = *partition.state;
  if (state.report_file.empty()) return;
  AppendLine(state.report_file, std::string("{\"isa\": \"") + NameOf(state.isa) +
                                    "\", \"threads\": " + std::to_string(partition.threads) +
                                    ", \"batch\": " + std::to_string(partition.batch) +
                                    ", \"nodes\": " + ListedJson(EachOnce(partition.region.nodes)) +
                                    ", \"graph_nodes\": " + std::to_string(state.graph_nodes) + "}");
}

// Ends the plan, and writes its times: {"batch": …, "threads": …, "parts": [{"nodes": […], "runs_ns": […]}, …]}.
void EndPlan(Partition& partition) {
  const std::unique_ptr<Plan> plan = std::move(partition.plan);
  const Profile profile = std::exchange(partition.profile, {});
  if (plan == nullptr || profile.empty()) return;
  std::string parts;
  for (const ProfiledPart& part : profile) {
    std::vector<int> nodes;
    for (const int node : part.nodes) nodes.push_back(partition.region.nodes[static_cast<std::size_t>(node)]);
    parts += (parts.empty() ? "" : ", ") + ("{\"nodes\": " + ListedJson(EachOnce(nodes))) +
             ", \"runs_ns\": " + ListedJson(part.runs_ns) + "}";
  }
  AppendLine(partition.state->profile_file, "{\"batch\": " + std::to_string(partition.batch) + ", \"threads\": " +
                                                std::to_string(partition.threads) + ", \"parts\": [" + parts + "]}");
}

void Build(tflite::Context* context, const tflite::DelegateParams& params, Partition& partition) {
  std::vector<HostNode> nodes;
  for (const int index : ListOf(params.nodes)) {
    const auto found = partition.state->nodes.find(index);
    if (found == partition.state->nodes.end()) {
      throw Refused("the host gives node " + std::to_string(index) + ", which was not asked for");
    }
    nodes.insert(nodes.end(), found->second.begin(), found->second.end());
  }
  partition.region = BuildRegion(HostTensors(*context), nodes, ListOf(params.inputs), ListOf(params.outputs));
}

void* Init(tflite::Context* context, const char* buffer, std::size_t) {
  const auto& params = *reinterpret_cast<const tflite::DelegateParams*>(buffer);
  auto* partition = new (std::nothrow) Partition;
  if (partition == nullptr) return nullptr;
  partition->state = static_cast<const DelegateState*>(params.delegate->data);
  try {
    Build(context, params, *partition);
  } catch (const std::exception& error) {
    partition->error = error.what();
  }
  return partition;
}

void Free(tflite::Context* context, void* buffer) {
  const std::unique_ptr<Partition> partition(static_cast<Partition*>(buffer));
  if (partition != nullptr) Guarded(context, [&] { EndPlan(*partition); });
}

// Nothing but the batch can change: BatchOf sees to it.
void ResizeOutputs(tflite::Context* context, const Partition& partition) {
  const HostTensors tensors(*context);
  for (std::size_t i = 0; i < partition.region.outputs.size(); ++i) {
    std::vector<int> dims = partition.region.output_dims[i];
    dims[0] = partition.batch;
    const int index = partition.region.outputs[i];
    if (ListOf(tensors.At(index).dims) == dims) continue;
    auto* array = static_cast<tflite::IntArray*>(std::malloc(sizeof(int) * (1 + dims.size())));
    if (array == nullptr) throw std::bad_alloc();
    array->size = static_cast<int>(dims.size());
    for (std::size_t d = 0; d < dims.size(); ++d) array->data[d] = dims[d];
    if (context->ResizeTensor(context, &context->tensors[index], array) != tflite::kOk) {
      throw std::runtime_error("the host cannot resize tensor " + tensors.NameOf(index));
    }
  }
}

tflite::Status Prepare(tflite::Context* context, tflite::NodeStruct* node) {
  return Guarded(context, [&] {
    if (node->user_data == nullptr) throw std::bad_alloc();
    auto& partition = *static_cast<Partition*>(node->user_data);
    if (!partition.error.empty()) throw std::runtime_error(partition.error);
    const int batch = BatchOf(partition.region, HostTensors(*context));
    // The host says -1 where it leaves the number to us.
    const int asked = context->recommended_num_threads;
    const int threads = asked < 1 ? 1 : asked > kMostThreads ? kMostThreads : asked;
    if (partition.plan == nullptr || batch != partition.batch || threads != partition.threads) {
      EndPlan(partition);
      partition.graph = WithBatch(partition.region.graph, batch);
      partition.batch = batch;
      partition.threads = threads;
      Profile* profile = partition.state->profile_file.empty() ? nullptr : &partition.profile;
      partition.plan = Compile(partition.graph, threads, partition.state->isa, profile);
      AppendReport(partition);
    }
    ResizeOutputs(context, partition);
  });
}

void* DataOf(const HostTensors& tensors, int index, const Value& value) {
  const tflite::Tensor& tensor = tensors.At(index);
  if (tensor.data == nullptr || tensor.bytes < static_cast<std::size_t>(BytesOf(value))) {
    throw std::runtime_error("tensor " + tensors.NameOf(index) + " has " + std::to_string(tensor.bytes) +
                             " bytes where " + std::to_string(BytesOf(value)) + " are needed");
  }
  return tensor.data;
}

tflite::Status Invoke(tflite::Context* context, tflite::NodeStruct* node) {
  return Guarded(context, [&] {
    auto& partition = *static_cast<Partition*>(node->user_data);
    const HostTensors tensors(*context);
    const Graph& graph = partition.graph;
    const auto value = [&graph](int index) -> const Value& { return graph.values[static_cast<std::size_t>(index)]; };
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
      inputs.push_back(DataOf(tensors, partition.region.inputs[i], value(graph.inputs[i])));
    }
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
      outputs.push_back(DataOf(tensors, partition.region.outputs[i], value(graph.outputs[i])));
    }
    partition.plan->Run(inputs, outputs);
  });
}

}  // namespace

tflite::RegistrationWithRoom PartitionRegistration() {
  tflite::RegistrationWithRoom result{};
  result.registration.init = Init;
  result.registration.free = Free;
  result.registration.prepare = Prepare;
  result.registration.invoke = Invoke;
  result.registration.builtin_code = tflite::kDelegate;
  result.registration.custom_name = "EdgeHybrid";
  result.registration.version = 1;
  return result;
}

void Report(tflite::Context* context, const std::string& message) {
  context->ReportError(context, "edgehybrid: %s. ", message.c_str());
}

}  // namespace edgehybrid
