// A backend in C++ that speaks the protocol of docs/protocol.md, with nothing but the standard library.
//   g++ -O2 -std=c++17 -ffp-contract=off backend.cpp -o backend
//   npx moe-conformance run --command ./backend
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

// The little of JSON that requests are made of: every value has its text, objects and lists have members too.
struct Json {
  std::string text;
  std::map<std::string, Json> fields;
  std::vector<Json> items;
  double number() const { return std::stod(text); }
  bool has(const std::string& name) const { return fields.count(name) > 0; }
  const Json& operator[](const std::string& name) const { return fields.at(name); }
};

std::string parseText(const char*& at) {
  std::string text;
  for (at++; *at != '"'; at++) text += *at;
  at++;
  return text;
}

Json parse(const char*& at) {
  Json value;
  if (*at == '"') {
    value.text = parseText(at);
  } else if (*at == '{' || *at == '[') {
    const char end = *at++ == '{' ? '}' : ']';
    while (*at != end) {
      if (*at == ',') at++;
      if (end == ']') {
        value.items.push_back(parse(at));
      } else {
        const std::string name = parseText(at);
        value.fields[name] = parse(++at);
      }
    }
    at++;
  } else {
    while (!strchr(",}]\n", *at)) value.text += *at++;
  }
  return value;
}

struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Tensor {
  std::string dtype;
  std::vector<size_t> shape;
  std::vector<char> bytes;
  template <class T> T* as() { return reinterpret_cast<T*>(bytes.data()); }
};
using Tensors = std::map<std::string, Tensor>;

Tensor makeTensor(const Json& header) {
  Tensor tensor{header["dtype"].text, {}, std::vector<char>(size_t(header["bytes"].number()))};
  for (const Json& size : header["shape"].items) tensor.shape.push_back(size_t(size.number()));
  return tensor;
}

float load(Tensor& tensor, size_t i) {
  if (tensor.dtype == "float32") return tensor.as<float>()[i];
  if (tensor.dtype != "bfloat16") throw Unsupported(tensor.dtype + " numbers");
  const uint32_t bits = uint32_t(tensor.as<uint16_t>()[i]) << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void store(Tensor& tensor, size_t i, float value) {
  if (tensor.dtype == "float32") return void(tensor.as<float>()[i] = value);
  uint32_t bits;
  memcpy(&bits, &value, 4);
  // To nearest, ties to even; a NaN stays one.
  tensor.as<uint16_t>()[i] = std::isnan(value) ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

void routeTokens(const Json& request, Tensors& in, Tensors& out) {
  if (request["router"].fields.size() > 1 || in.size() > 1) throw Unsupported("routers beyond softmax and topK");
  Tensor& gating = in["gatingOutput"];
  const size_t tokens = gating.shape[0], experts = gating.shape[1], topK = out["topKIndices"].shape[1];
  std::vector<float> logits(experts);
  std::vector<int32_t> order(experts);
  for (size_t t = 0; t < tokens; t++) {
    for (size_t e = 0; e < experts; e++) {
      const float value = load(gating, t * experts + e);
      logits[e] = std::isnan(value) ? -__FLT_MAX__ : std::clamp(value, -__FLT_MAX__, __FLT_MAX__);
    }
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
    double sum = 0;
    for (float logit : logits) sum += std::exp(double(logit) - logits[order[0]]);
    for (size_t k = 0; k < topK; k++) {
      out["topKIndices"].as<int32_t>()[t * topK + k] = order[k];
      out["expertScalesFloat"].as<float>()[t * topK + k] = std::exp(double(logits[order[k]]) - logits[order[0]]) / sum;
    }
  }
}

void planDispatch(const Json& request, Tensors& in, Tensors& out) {
  const size_t tokens = in["topKIndices"].shape[0], topK = in["topKIndices"].shape[1];
  const int32_t* experts = in["topKIndices"].as<int32_t>();
  const int32_t withRows = request["attributes"]["numExperts"].number() - request["attributes"]["zeroExperts"].number();
  int64_t* counts = out["tokenNumsPerExpert"].as<int64_t>();
  int32_t* offsets = out["expertOffsets"].as<int32_t>();
  int32_t* rows = out["permuteIndicesPerToken"].as<int32_t>();
  for (size_t i = 0; i < tokens * topK; i++)
    if (experts[i] >= 0 && experts[i] < withRows) counts[experts[i]]++;
  for (int32_t e = 0; e < withRows; e++) offsets[e + 1] = offsets[e] + counts[e];
  std::vector<int32_t> next(offsets, offsets + withRows);
  for (size_t t = 0; t < tokens; t++)
    for (size_t k = 0; k < topK; k++) {
      const int32_t expert = experts[t * topK + k];
      rows[k * tokens + t] = expert >= 0 && expert < withRows ? next[expert]++ : -1;
    }
}

void permuteRows(const Json&, Tensors& in, Tensors& out) {
  if (in.count("expertScalesFloat")) throw Unsupported("rows multiplied by their weights");
  const size_t pairs = out["permuteInput"].shape[0], tokens = in["x"].shape[0];
  const size_t rowBytes = tokens == 0 ? 0 : in["x"].bytes.size() / tokens;
  for (size_t i = 0; i < pairs; i++) {
    const int32_t row = in["permuteIndicesPerToken"].as<int32_t>()[i];
    if (row < 0 || size_t(row) >= pairs) continue;
    memcpy(&out["permuteInput"].bytes[row * rowBytes], &in["x"].bytes[i % tokens * rowBytes], rowBytes);
  }
}

void moeReduce(const Json& request, Tensors& in, Tensors& out) {
  const Json& attributes = request["attributes"];
  if (in.count("x") || attributes["applyRouterWeightOnInput"].text == "true") throw Unsupported("identity experts");
  const size_t tokens = out["output"].shape[0], hidden = out["output"].shape[1], topK = in["topKIndices"].shape[1];
  const float factor = attributes["routedScalingFactor"].number();
  const bool norm = attributes["normTopkProb"].text == "true", biased = in.count("ffn2Bias") > 0;
  for (size_t t = 0; t < tokens; t++) {
    const float* scales = in["expertScalesFloat"].as<float>() + t * topK;
    float total = 0;
    for (size_t k = 0; k < topK; k++) total += scales[k];
    for (size_t d = 0; d < hidden; d++) {
      float sum = 0;
      for (size_t k = 0; k < topK; k++) {
        const int32_t row = in["permuteIndicesPerToken"].as<int32_t>()[k * tokens + t];
        const int32_t expert = in["topKIndices"].as<int32_t>()[t * topK + k];
        if (row < 0 || size_t(row) >= tokens * topK) continue;
        if (biased && (expert < 0 || size_t(expert) >= in["ffn2Bias"].shape[0])) continue;
        const float weight = (norm ? (total == 0 ? 0 : scales[k] / total) : scales[k]) * factor;
        const float bias = biased ? load(in["ffn2Bias"], expert * hidden + d) : 0;
        sum += weight * (load(in["ffnOut"], row * hidden + d) + bias);
      }
      store(out["output"], t * hidden + d, sum);
    }
  }
}

int main() {
  std::cout << R"({"protocol":"moe-conformance","version":1,"name":"cpp","device":"CPU, C++","exact":false,)"
            << R"("operations":["routeTokens","planDispatch","permuteRows","moeReduce"],)"
            << R"("dtypes":["float32","bfloat16","int32","int64","int8","uint8"]})" << std::endl;
  const std::map<std::string, void (*)(const Json&, Tensors&, Tensors&)> operations = {
      {"routeTokens", routeTokens}, {"planDispatch", planDispatch}, {"permuteRows", permuteRows}, {"moeReduce", moeReduce}};
  for (std::string line; std::getline(std::cin, line);) {
    const char* at = line.c_str();
    const Json request = parse(at);
    Tensors in, out;
    for (const Json& header : request["inputs"].items) {
      Tensor& tensor = in[header["name"].text] = makeTensor(header);
      std::cin.read(tensor.bytes.data(), tensor.bytes.size());
    }
    for (const Json& header : request["outputs"].items) out[header["name"].text] = makeTensor(header);
    try {
      operations.at(request["operation"].text)(request, in, out);
    } catch (const Unsupported& error) {
      std::cout << R"({"id":)" << request["id"].text << R"(,"error":{"code":"UNSUPPORTED_OPERATION","message":")"
                << error.what() << R"("}})" << std::endl;
      continue;
    }
    // The outputs are what the request asks for, so its own text names them.
    std::cout << R"({"id":)" << request["id"].text << ',' << line.substr(line.find(R"("outputs":)")) << '\n';
    for (const Json& header : request["outputs"].items) {
      Tensor& tensor = out[header["name"].text];
      std::cout.write(tensor.bytes.data(), tensor.bytes.size());
    }
    std::cout.flush();
  }
}
