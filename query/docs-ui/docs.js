// Shows the API's document: endpoints by group with what they take and answer, a curl line to copy, and the types behind them.
//
// Everything is made as elements with texts, never as markup, so that nothing in the document can run. It asks for the document alone, from its own server.

const TOKEN = "$TOKEN";

/** An element with attributes and children; children that are strings are texts. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const typeName = (reference) => reference.split("/").pop();
const anchor = (name) => `type-${name}`;

/** A schema in one line: types by name, as links. */
function short(schema) {
  if (schema === true || schema === undefined) return [make("span", { class: "dim" }, "anything")];
  if (schema.$ref) return [make("a", { href: `#${anchor(typeName(schema.$ref))}` }, typeName(schema.$ref))];
  if (schema.const !== undefined) return [make("code", {}, JSON.stringify(schema.const))];
  if (schema.enum) return [make("code", {}, schema.enum.map((value) => JSON.stringify(value)).join(" | "))];
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.flatMap((choice, at) => (at === 0 ? short(choice) : [" or ", ...short(choice)]));
  if (schema.allOf?.length === 1) return short(schema.allOf[0]);
  const types = [schema.type ?? "object"].flat();
  if (types.includes("array")) return [types.includes("null") ? "list or null, of " : "list of ", ...short(schema.items)];
  return [make("code", {}, types.join(" or ")), schema.pattern ? make("span", { class: "dim" }, ` ${schema.pattern}`) : ""];
}

/** The members of an object, with what is said of each; one block for each form that it can have. */
function members(schema) {
  const forms = schema.oneOf ?? schema.anyOf;
  if (forms && !schema.properties) return forms.map((form) => make("div", {}, ...(form.properties ? members(form) : short(form))));
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const mark = required.has(name) ? make("span", { class: "dim", title: "always there, or needed" }, " *") : null;
    const told = property.description ? make("span", { class: "dim" }, ` — ${property.description}`) : null;
    return [make("dt", {}, make("code", {}, name), mark), make("dd", {}, ...short(property), told)];
  });
  return rows.length > 0 ? [make("dl", {}, ...rows)] : short({ ...schema, $ref: undefined });
}

/** The line for a shell. */
function curl(method, path, operation) {
  const parts = [`curl -sN ${location.origin}${path}`];
  if (method !== "get") parts[0] = `curl -sN -X ${method.toUpperCase()} ${location.origin}${path}`;
  if (operation.security.length > 0) parts.push(`-H "Authorization: Bearer ${TOKEN}"`);
  const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (type) {
    parts.push(`-H 'Content-Type: ${type}'`);
    parts.push(content.example === undefined ? "--data-binary @FILE" : `-d '${JSON.stringify(content.example).replaceAll("'", "'\\''")}'`);
  }
  return parts.join(" \\\n  ");
}

/** A text that can be copied. */
function copyable(text) {
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return make("div", {}, make("pre", {}, text), button);
}

function contentLine([type, content]) {
  const stream = type === "application/x-ndjson" ? ", one such object a line: " : ": ";
  return make("div", {}, make("code", {}, type), ...(content.schema ? [stream, ...short(content.schema)] : []));
}

function endpoint(method, path, operation, shared) {
  const parts = [
    make("h3", {}, make("span", { class: "method" }, method), path),
    make("p", {}, operation.summary, " ", make("span", { class: "dim" }, operation.description)),
  ];
  if (operation.parameters) {
    const rows = operation.parameters.flatMap((parameter) => [
      make("dt", {}, make("code", {}, parameter.name), make("span", { class: "dim" }, ` ${parameter.in}${parameter.required ? " *" : ""}`)),
      make("dd", {}, ...short(parameter.schema), make("span", { class: "dim" }, ` — ${parameter.description}`)),
    ]);
    parts.push(make("h4", {}, "Parameters"), make("dl", {}, ...rows));
  }
  if (operation.requestBody) {
    const optional = operation.requestBody.required ? "" : " (may be left out)";
    parts.push(make("h4", {}, `Body${optional}`), ...Object.entries(operation.requestBody.content).map(contentLine));
  }
  parts.push(make("h4", {}, "Ask"), copyable(curl(method, path, operation)), make("h4", {}, "Answers"));
  const answers = Object.entries(operation.responses).flatMap(([status, told]) => {
    const answer = told.$ref ? shared[typeName(told.$ref)] : told;
    return [make("dt", {}, make("code", {}, status)), make("dd", {}, answer.description, ...Object.entries(answer.content ?? {}).map(contentLine))];
  });
  parts.push(make("dl", {}, ...answers));
  return make("section", { id: operation.operationId }, ...parts);
}

/** Endpoints by their group, in the order of the document. */
function groups(paths) {
  const found = new Map();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (!found.has(tag)) found.set(tag, []);
      found.get(tag).push([method, path, operation]);
    }
  }
  return found;
}

function show(api) {
  const contents = document.getElementById("contents");
  const shown = document.getElementById("document");
  shown.replaceChildren(make("p", {}, api.info.description));
  for (const [tag, operations] of groups(api.paths)) {
    const links = operations.map(([method, path, operation]) =>
      make("li", {}, make("a", { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path.replace("/api/v1", "")}`)));
    contents.append(make("strong", {}, tag), make("ul", {}, ...links));
    shown.append(make("h2", {}, tag), ...operations.map(([method, path, operation]) => endpoint(method, path, operation, api.components.responses)));
  }
  const types = Object.entries(api.components.schemas);
  shown.append(make("h2", { id: "types" }, "Types"));
  shown.append(...types.map(([name, schema]) => make("section", { id: anchor(name) },
    make("h3", {}, name), schema.description ? make("p", {}, schema.description) : null, ...members(schema))));
  contents.append(make("strong", {}, make("a", { href: "#types" }, "Types")));
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

try {
  const answer = await fetch("/api/v1/openapi.json");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  show(await answer.json());
} catch (error) {
  document.getElementById("document").replaceChildren(make("p", { role: "alert" }, `The document cannot be shown: ${error.message}. Load the page again.`));
}
