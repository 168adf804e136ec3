// The search page, before the search through the text: terms, symbols, formulas and explorables by name.
// The list is in terms.js, made with the book. Typed signs count as written: "D_inf", "mu P", "α", "KV-cache".
(function () {
  "use strict";
  var GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "λ": "lambda", "μ": "mu",
    "µ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
  };
  var MOST = 12;

  function squeeze(text) {
    var out = "";
    for (var sign of text.toLowerCase()) out += GREEK[sign] || sign;
    return out.replace(/[^a-z0-9]/g, "");
  }

  // Plurals of words that are long enough: "IsoFLOP curves" is the term "IsoFLOP curve".
  function forms(key) {
    return key.length > 4 && key.endsWith("s") ? [key, key.slice(0, -1)] : [key];
  }

  function rank(row, keys) {
    var names = row.name.split(",").map(squeeze).concat(row.key);
    var best = 0;
    keys.forEach(function (key) {
      if (names.indexOf(key) >= 0) best = Math.max(best, row.kind === "term" ? 6 : 5);
      else if (names.some(function (n) { return n.startsWith(key); })) best = Math.max(best, 4);
      else if (key.length > 2 && row.key.indexOf(key) >= 0) best = Math.max(best, 3);
      else if (key.length > 2 && said(row).indexOf(" " + key + " ") >= 0) best = Math.max(best, 2);
    });
    return best;
  }

  // The words of a description, so that "SwiGLU" finds the gated feed-forward network.
  function said(row) {
    if (!row.said) row.said = " " + row.says.split(/[\s,.;:()]+/).map(squeeze).join(" ") + " ";
    return row.said;
  }

  function item(row) {
    var li = document.createElement("li");
    var link = document.createElement("a");
    var kind = document.createElement("small");
    var text = document.createElement("p");
    link.href = row.href;
    link.textContent = row.name;
    kind.textContent = row.kind;
    text.textContent = row.says.replace(/`/g, "");
    li.append(link, kind, text);
    return li;
  }

  function find(query) {
    var keys = forms(squeeze(query));
    if (!keys[0]) return [];
    return window.courseTerms.map(function (row, i) { return { row: row, score: rank(row, keys), i: i }; })
      .filter(function (hit) { return hit.score > 0; })
      .sort(function (a, b) { return b.score - a.score || a.i - b.i; })
      .slice(0, MOST).map(function (hit) { return hit.row; });
  }

  var box = document.getElementById("term-results");
  var query = new URLSearchParams(location.search).get("q") || "";
  var hits = find(query);
  if (!box || !hits.length) return;
  var head = document.createElement("h2");
  var list = document.createElement("ul");
  head.textContent = "By name";
  list.append.apply(list, hits.map(item));
  box.append(head, list);
})();
