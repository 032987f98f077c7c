// Loaded before the gateway, which appends to the headers of the responses that it passes through (streams,
// embeddings, rerank). Those of a fetch response are immutable on Node 20, so it answers 500: hand it copies.
const fetched = globalThis.fetch;
globalThis.fetch = async (...args) => {
  const { body, status, statusText, headers } = await fetched(...args);
  return new Response(body, { status, statusText, headers });
};
