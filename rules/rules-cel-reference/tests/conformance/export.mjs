// The package's data as JSON: `node export.mjs PACKAGE OUT` writes one file for each group of tests, and the descriptors of the
// test messages, in an order in which each knows those before.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [source, out] = process.argv.slice(2).map((path) => resolve(path));
// Numbers that JSON lacks are texts there, as protobuf has them.
const plain = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);

for (const group of ["conformance", "parsing", "checking", "comprehension"]) {
  const { tests } = await import(pathToFileURL(join(source, "dist/esm/testdata", `${group}.js`)));
  writeFileSync(join(out, `${group}.json`), JSON.stringify(tests, plain));
}

const messages = ["proto3/test_all_types", "proto2/test_all_types", "proto2/test_all_types_extensions"];
const descriptors = messages.map((name) => {
  const text = readFileSync(join(source, "dist/esm/gen/cel/expr/conformance", `${name}_pb.js`), "utf8");
  return /fileDesc\("([^"]+)"/.exec(text)[1];
});
writeFileSync(join(out, "descriptors.json"), JSON.stringify(descriptors));
