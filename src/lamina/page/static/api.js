// Questions to the server. An answer's arrays are decoded; an error says what was given, what was expected and how to mend it.

import { decode } from "./arrays.js";

export class ApiError extends Error {
  constructor({ error, expected, mend }, status) {
    super(error || "The studio gave no reason.");
    this.name = "ApiError";
    this.expected = expected || "";
    this.mend = mend || "";
    this.status = status;
  }
}

const GONE = {
  error: "The studio doesn’t answer.",
  expected: "The program that opened this page, still running.",
  mend: "Start lamina studio again and open the address that it prints.",
};

// The address of a question: of a run, or of the whole studio where the path begins with "/".
export function address(run, path, params = {}) {
  const base = path.startsWith("/") ? path : `/api/runs/${encodeURIComponent(run)}${path ? `/${path}` : ""}`;
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    asked.set(name, value === true ? "1" : Array.isArray(value) ? value.join(",") : String(value));
  }
  const query = asked.toString().replaceAll("%2C", ",");
  return query ? `${base}?${query}` : base;
}

export function get(run, path, params, { signal } = {}) {
  return answered(address(run, path, params), { signal });
}

// A body is raw bytes (Blob, ArrayBuffer, typed array) or an object, sent as JSON.
export function post(run, path, body, { signal, params } = {}) {
  const raw = body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  const kind = raw ? body.type || "application/octet-stream" : "application/json";
  return answered(address(run, path, params), { signal, method: "POST", headers: { "Content-Type": kind }, body: raw ? body : JSON.stringify(body) });
}

async function answered(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(GONE, 0);
  }
  const json = await response.json().catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (!response.ok) throw new ApiError(json ?? { error: `The studio answered ${response.status}.`, mend: response.status === 403 || response.status === 401 ? GONE.mend : "" }, response.status);
  return decode(json);
}

// Changes of a run as they happen. Returns a function that ends it.
export function changes(run, listener) {
  const source = new EventSource(address(run, "events"));
  source.addEventListener("changed", (event) => listener(JSON.parse(event.data)));
  return () => source.close();
}
