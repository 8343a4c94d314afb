/** Requests to this server; paths are relative, so that it may stand behind a prefix. */

const STORED = "api-key";
let asking = null;
let unstored = null;
let askForKey = async () => null;

/** What the server refused, or that it could not be reached (status 0); `message` is for people. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether the same request may succeed later. */
  get passing() {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** Say who asks for the key: an async function of the server's message that keeps the key and returns it, or null. */
export const onKeyNeeded = (ask) => (askForKey = ask);

/** Return the key that this tab keeps, null without one. */
export function storedKey() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return unstored; // this browser keeps nothing: it lasts as long as the page
  }
}

/** Keep a key until the tab is closed; null forgets it. */
export function keepKey(key) {
  unstored = key;
  try {
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch {
    // see `storedKey`
  }
}

/** Return the JSON that the server answers; throws ApiError. Options: method, json, form, signal. */
export async function request(path, options = {}) {
  const response = await answer(path, options);
  try {
    return await response.json();
  } catch (error) {
    throw asApiError(error, "The server's answer was cut short.");
  }
}

/** Return a file that the server answers; throws ApiError. */
export const requestBlob = async (path) => (await answer(path, {})).blob();

async function answer(path, options) {
  for (;;) {
    const key = storedKey();
    const response = await send(path, options, key);
    if (response.ok) return response;
    const error = new ApiError(response.status, await reason(response));
    if (response.status !== 401) throw error;
    if (storedKey() === key && !(await newKey(error.message))) throw error;
  }
}

async function send(path, { method = "GET", json, form, signal }, key) {
  const headers = key ? { "X-API-Key": key } : {};
  if (json) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: json ? JSON.stringify(json) : form, signal });
  } catch (error) {
    throw asApiError(error, "The server could not be reached, or it ended the connection.");
  }
}

function asApiError(error, message) {
  return error.name === "AbortError" ? error : new ApiError(0, message);
}

async function reason(response) {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim() + ".";
  try {
    return (await response.json()).errorMsg || fallback;
  } catch {
    return fallback; // not ours: a proxy's page
  }
}

/** Ask once, however many requests wait for the key. */
function newKey(message) {
  asking ??= askForKey(message).finally(() => (asking = null));
  return asking;
}
