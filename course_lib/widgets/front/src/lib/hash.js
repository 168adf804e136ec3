// A view's settings in the address: #id?name=value&name=value, so that a view can be shared.
export function readHash(id) {
  try {
    const [target, query] = decodeURI(location.hash.slice(1)).split("?");
    return target === id && query ? Object.fromEntries(new URLSearchParams(query)) : null;
  } catch {
    return null; // an address that was cut short in the middle of an escape is no settings
  }
}

export function hashOf(id, values) {
  const query = new URLSearchParams(Object.entries(values).map(([k, v]) => [k, String(v)]));
  return `#${id}?${query}`;
}

export function writeHash(id, values) {
  try {
    history.replaceState(null, "", hashOf(id, values));
  } catch {
    /* some embedded pages refuse; the view still works */
  }
}
