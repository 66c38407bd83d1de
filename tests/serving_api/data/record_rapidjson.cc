// Says what RapidJSON makes of JSON texts, with the two sets of flags that TF Serving has used.
//
// Standard input: texts, each behind its length (32 bits, little endian). Standard output, in the same
// form, two answers a text (recursive parser, then iterative): "E" and the refusal; or a dump of the
// document, a line feed, and the document as PrettyWriter writes it.
//
// Dump: n, t, f; s and k, the bytes of a string and of a key in hexadecimal; d, the bits of a double;
// i, an integer and whether it is Int, Uint, Int64, Uint64; [ ] and { }.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "rapidjson/document.h"
#include "rapidjson/encodedstream.h"
#include "rapidjson/error/en.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/prettywriter.h"
#include "rapidjson/stringbuffer.h"

using rapidjson::Value;

static void Hex(const char* bytes, size_t size, std::string* out) {
  char text[3];
  for (size_t i = 0; i < size; ++i) {
    snprintf(text, sizeof(text), "%02x", static_cast<unsigned char>(bytes[i]));
    *out += text;
  }
  *out += ';';
}

static void Number(const Value& value, std::string* out) {
  char text[64];
  if (value.IsInt64() || value.IsUint64()) {
    if (value.IsUint64()) {
      snprintf(text, sizeof(text), "i%lu;", static_cast<unsigned long>(value.GetUint64()));
    } else {
      snprintf(text, sizeof(text), "i%ld;", static_cast<long>(value.GetInt64()));
    }
    *out += text;
    for (bool is : {value.IsInt(), value.IsUint(), value.IsInt64(), value.IsUint64()}) {
      *out += is ? '1' : '0';
    }
    return;
  }
  const double number = value.GetDouble();
  uint64_t bits;
  memcpy(&bits, &number, sizeof(bits));
  if (number != number) {
    *out += "dnan;";
  } else {
    snprintf(text, sizeof(text), "d%016lx;", static_cast<unsigned long>(bits));
    *out += text;
  }
}

static void Dump(const Value& value, std::string* out) {
  switch (value.GetType()) {
    case rapidjson::kNullType: *out += 'n'; break;
    case rapidjson::kTrueType: *out += 't'; break;
    case rapidjson::kFalseType: *out += 'f'; break;
    case rapidjson::kNumberType: Number(value, out); break;
    case rapidjson::kStringType:
      *out += 's';
      Hex(value.GetString(), value.GetStringLength(), out);
      break;
    case rapidjson::kArrayType:
      *out += '[';
      for (const auto& item : value.GetArray()) Dump(item, out);
      *out += ']';
      break;
    case rapidjson::kObjectType:
      *out += '{';
      for (const auto& member : value.GetObject()) {
        *out += 'k';
        Hex(member.name.GetString(), member.name.GetStringLength(), out);
        Dump(member.value, out);
      }
      *out += '}';
      break;
  }
}

template <unsigned flags>
static std::string Answer(const std::string& text, bool single_line_arrays) {
  rapidjson::Document document;
  rapidjson::MemoryStream memory(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream(memory);
  if (document.ParseStream<flags>(stream).HasParseError()) {
    return std::string("E") + rapidjson::GetParseError_En(document.GetParseError()) +
           " at offset: " + std::to_string(document.GetErrorOffset());
  }
  std::string out;
  Dump(document, &out);
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  if (single_line_arrays) writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  document.Accept(writer);
  return out + "\n" + buffer.GetString();
}

static void Write(const std::string& answer) {
  const uint32_t size = answer.size();
  fwrite(&size, sizeof(size), 1, stdout);
  fwrite(answer.data(), 1, size, stdout);
}

int main() {
  using namespace rapidjson;
  uint32_t size;
  while (fread(&size, sizeof(size), 1, stdin) == 1) {
    std::string text(size, '\0');
    if (fread(&text[0], 1, size, stdin) != size) return 1;
    Write(Answer<kParseNanAndInfFlag>(text, false));
    Write(Answer<kParseNanAndInfFlag | kParseIterativeFlag | kParseStopWhenDoneFlag>(text, true));
  }
  return 0;
}
