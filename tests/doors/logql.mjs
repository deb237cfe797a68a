// Holds the queries of logql.txt against Grafana's own grammar: each is LogQL there, whether it is supported here or, behind "!", not. The store's own tests hold the same file against its parser.
import { parser } from "@grafana/lezer-logql";
import { readFileSync } from "node:fs";

let read = 0;
for (const line of readFileSync("logql.txt", "utf8").split("\n").filter(Boolean)) {
  const query = line.replace(/^! /, "");
  const cursor = parser.parse(query).cursor();
  do {
    if (cursor.type.isError) throw new Error(`to Grafana this is no LogQL at ${cursor.from}: ${query}`);
  } while (cursor.next());
  read += 1;
}
if (read < 40) throw new Error(`only ${read} queries were read`);
console.log(`${read} queries are LogQL`);
