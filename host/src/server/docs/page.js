// Shows the OpenAPI document of this server and tries its requests. Whatever comes from the server is put on the page as
// text nodes alone.
"use strict";

// Of an answer this much is shown; a stream may have no end.
const SHOWN_CHARACTERS = 200000;
const METHODS = ["get", "put", "post", "delete", "patch", "head", "options"];

const byId = (id) => document.getElementById(id);

// An element with attributes and children; text stays text.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function paragraphs(text) {
  return (text || "").split(/\n\s*\n/).filter(Boolean).map((part) => element("p", {}, part));
}

function table(heads, rows) {
  const line = (kind, cells) => element("tr", {}, ...cells.map((cell) => element(kind, {}, ...[cell].flat())));
  return element("table", {}, line("th", heads), ...rows.map((row) => line("td", row)));
}

const nameOf = (reference) => reference.split("/").pop();

// A type in a few words, with links to the schemas that have names.
function type(schema) {
  if (schema === true || schema === undefined || Object.keys(schema).length === 0) return ["anything"];
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return [element("a", { href: `#schema-${name}` }, name)];
  }
  const any = schema.oneOf || schema.anyOf || schema.allOf;
  if (any) return joined(any.map(type), schema.allOf ? " and " : " or ");
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" or ")];
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  const names = [schema.type || "anything"].flat();
  return joined(names.map((name) => plain(name, schema)), " or ");
}

function plain(name, schema) {
  if (name === "array") return ["list of ", ...type(schema.items)];
  if (name === "object" && typeof schema.additionalProperties === "object") {
    return ["object of ", ...type(schema.additionalProperties)];
  }
  const bounds = [["at least ", schema.minimum], ["at most ", schema.maximum], ["at most characters ", schema.maxLength]]
    .filter(([, bound]) => bound !== undefined).map(([words, bound]) => words + bound);
  return [[schema.format ? `${name} (${schema.format})` : name, ...bounds].join(", ")];
}

function joined(lists, between) {
  return lists.flatMap((list, index) => (index === 0 ? list : [between, ...list]));
}

function properties(schema) {
  const required = schema.required || [];
  return Object.entries(schema.properties || {}).map(([name, property]) => [
    element("code", {}, name),
    [...type(property), required.includes(name) ? "" : element("span", { class: "dim" }, " (may be left out)")],
    paragraphs(property.description),
  ]);
}

function shape(schema) {
  const parts = [...paragraphs(schema.description)];
  const own = schema.allOf || schema.oneOf || schema.anyOf || [];
  const fields = [schema, ...own.filter((part) => part.properties)].flatMap(properties);
  if (fields.length > 0) parts.push(table(["field", "type", ""], fields));
  else parts.push(element("p", {}, ...type(schema)));
  return parts;
}

function schemas(definition) {
  const all = Object.entries((definition.components || {}).schemas || {});
  for (const [name, schema] of all) {
    const summary = element("summary", {}, element("code", {}, name));
    byId("schemas").append(element("details", { id: `schema-${name}` }, summary, element("div", {}, ...shape(schema))));
  }
}

// A link to a schema opens it.
function openTarget() {
  const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.scrollIntoView();
  }
}

function media(content) {
  return Object.entries(content || {}).map(([kind, body]) =>
    element("p", {}, element("code", {}, kind), ": ", ...type(body.schema)));
}

function operation(path, method, described) {
  const summary = element("summary", {}, element("span", { class: "verb" }, method.toUpperCase()),
    element("span", { class: "path" }, path), element("span", { class: "dim" }, described.summary || ""));
  const inside = element("div");
  const made = element("details", { id: described.operationId || `${method}-${path}` }, summary, inside);
  // Filled when it is first opened: most never are.
  made.addEventListener("toggle", () => inside.append(...facts(described), trial(path, method, described)), { once: true });
  return made;
}

function facts(described) {
  const parts = paragraphs(described.description);
  const parameters = described.parameters || [];
  if (parameters.length > 0) {
    const rows = parameters.map((one) => [
      element("code", {}, one.name), one.in, [...type(one.schema), one.required ? " (needed)" : ""],
      paragraphs(one.description),
    ]);
    parts.push(element("h3", {}, "Parameters"), table(["name", "in", "type", ""], rows));
  }
  if (described.requestBody) {
    parts.push(element("h3", {}, "Body"), ...paragraphs(described.requestBody.description));
    parts.push(...media(described.requestBody.content));
  }
  const rows = Object.entries(described.responses || {}).map(([status, response]) =>
    [element("code", {}, status), paragraphs(response.description), media(response.content)]);
  parts.push(element("h3", {}, "Answers"), table(["status", "", "body"], rows));
  return parts;
}

function trial(path, method, described) {
  const inputs = (described.parameters || []).map((one) => {
    const input = element("input", { spellcheck: "false", autocomplete: "off" });
    return { one, input, label: element("label", {}, `${one.name} `, element("small", {}, one.in), input) };
  });
  const body = described.requestBody ? bodyInputs(described.requestBody.content || {}) : null;
  const shown = element("pre", { "aria-live": "polite", hidden: "" });
  const send = element("button", { type: "submit" }, "Send");
  const stop = element("button", { type: "button", hidden: "" }, "Stop");
  const form = element("form", {}, element("fieldset", {}, element("legend", {}, "Try it"),
    ...inputs.map(({ label }) => label), ...(body ? body.labels : []), send, stop, shown));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const stopped = new AbortController();
    stop.onclick = () => stopped.abort();
    shown.hidden = stop.hidden = false;
    send.disabled = true;
    await attempt(request(path, method, inputs, body, stopped.signal), shown);
    send.disabled = false;
    stop.hidden = true;
  });
  return form;
}

function bodyInputs(content) {
  const kind = element("select", {}, ...Object.keys(content).map((name) => element("option", {}, name)));
  const text = element("textarea", { spellcheck: "false" });
  const file = element("input", { type: "file" });
  const textLabel = element("label", {}, "body", text);
  const fileLabel = element("label", {}, "file", file);
  const choose = () => {
    const isJson = kind.value.includes("json");
    textLabel.hidden = !isJson;
    fileLabel.hidden = isJson;
  };
  kind.addEventListener("change", choose);
  choose();
  const value = () => (textLabel.hidden ? file.files[0] : text.value);
  return { labels: [element("label", {}, "media type", kind), textLabel, fileLabel], kind, value };
}

// What `fetch` is to be asked.
function request(path, method, inputs, body, signal) {
  const headers = {};
  const query = new URLSearchParams();
  let place = path;
  for (const { one, input } of inputs) {
    if (one.in === "path") place = place.replace(`{${one.name}}`, encodeURIComponent(input.value));
    else if (input.value === "") continue;
    else if (one.in === "query") query.append(one.name, input.value);
    else if (one.in === "header") headers[one.name] = input.value;
  }
  const token = byId("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  const asked = { method: method.toUpperCase(), headers, signal, credentials: "omit", redirect: "error" };
  const value = body && body.value();
  if (value) {
    headers["Content-Type"] = body.kind.value;
    asked.body = value;
  }
  const search = query.toString();
  // Relative, so that a proxy may put the server under a path of its own.
  return { url: place.slice(1) + (search ? `?${search}` : ""), asked };
}

async function attempt({ url, asked }, shown) {
  shown.textContent = "…";
  const began = performance.now();
  try {
    const response = await fetch(url, asked);
    const took = Math.round(performance.now() - began);
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    shown.textContent = `${response.status} ${response.statusText} (${took} ms)\n${headers}\n\n`;
    await show(response, shown);
  } catch (error) {
    shown.append(`\n${error.name}: ${error.message}`);
  }
}

// JSON is shown when it is whole; all else as it comes.
async function show(response, shown) {
  const kind = response.headers.get("content-type") || "";
  const isJson = kind.includes("json");
  const reader = response.body && response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (reader && text.length < SHOWN_CHARACTERS) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    if (!isJson) shown.append(value);
  }
  const isCut = text.length >= SHOWN_CHARACTERS;
  if (isCut) reader.cancel();
  if (isJson) shown.append(isCut ? text : indented(text));
  if (isCut) shown.append("\n… and more");
}

// Only what says the same: a script would round large numbers.
function indented(text) {
  const value = JSON.parse(text);
  return JSON.stringify(value) === text ? JSON.stringify(value, null, 2) : text;
}

async function start() {
  const response = await fetch("openapi.json");
  const definition = await response.json();
  byId("version").textContent = definition.info.version;
  byId("about").textContent = definition.info.description || "";
  const all = Object.entries(definition.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [path, method, item[method]]));
  const main = byId("operations");
  main.replaceChildren();
  for (const tag of definition.tags || []) {
    const under = all.filter(([, , described]) => (described.tags || []).includes(tag.name));
    if (under.length === 0) continue;
    main.append(element("h2", {}, tag.name, " ", element("small", {}, tag.description || "")));
    main.append(...under.map(([path, method, described]) => operation(path, method, described)));
  }
  schemas(definition);
  addEventListener("hashchange", openTarget);
  openTarget();
}

byId("access").addEventListener("submit", (event) => event.preventDefault());
start().catch((error) => { byId("operations").textContent = `The document could not be read: ${error.message}`; });
