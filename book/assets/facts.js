// The fact check page: sort by any column, filter by words, verdict, source and lesson, count what is shown.
// The address keeps the choice (#claims?verdict=wrong), so that a view can be linked to.
(function () {
  "use strict";
  var table = document.querySelector("table.facts");
  var form = document.querySelector(".facts-controls");
  var shown = document.querySelector(".facts-shown");
  if (!table || !form || !shown) return;
  var body = table.tBodies[0];
  var heads = Array.from(table.tHead.rows[0].cells);
  var rows = Array.from(body.rows).map(function (row, place) {
    return { row: row, place: place, text: row.textContent.toLowerCase() };
  });
  var names = ["words", "verdict", "source", "lesson"];
  var order = { column: heads.length - 1, down: false }; // as printed: by lesson

  function key(entry, column) {
    var cell = entry.row.cells[column];
    return cell.dataset.key || cell.textContent.trim();
  }

  function compare(a, b) {
    return a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
  }

  function sort(column, down) {
    order = { column: column, down: down };
    rows.sort(function (a, b) {
      var by = compare(key(a, column), key(b, column));
      return (down ? -by : by) || a.place - b.place;
    });
    body.append.apply(body, rows.map(function (entry) { return entry.row; }));
    heads.forEach(function (head, i) {
      if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  function filter() {
    var asked = form.elements;
    var words = asked.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    var count = 0;
    rows.forEach(function (entry) {
      var row = entry.row;
      var fits = ["verdict", "source", "lesson"].every(function (name) {
        return !asked[name].value || row.dataset[name] === asked[name].value;
      }) && words.every(function (word) { return entry.text.includes(word); });
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = count ? count + " of " + rows.length + " claims shown" : "No claim fits. Show all, or ask for less.";
  }

  function remember() {
    var state = new URLSearchParams();
    names.forEach(function (name) { if (form.elements[name].value) state.set(name, form.elements[name].value); });
    if (order.column !== heads.length - 1 || order.down) state.set("sort", (order.down ? "-" : "") + order.column);
    var text = state.toString();
    history.replaceState(null, "", text ? "#claims?" + text : location.pathname + location.search);
  }

  function recall() {
    if (!location.hash.startsWith("#claims?")) return false;
    var state = new URLSearchParams(location.hash.slice("#claims?".length));
    names.forEach(function (name) { form.elements[name].value = state.get(name) || ""; });
    Array.from(form.querySelectorAll("select")).forEach(function (menu) { if (menu.selectedIndex < 0) menu.value = ""; });
    var asked = /^(-?)(\d)$/.exec(state.get("sort") || "");
    if (asked && heads[+asked[2]]) sort(+asked[2], asked[1] === "-");
    filter();
    return true;
  }

  function button(label, act) {
    var made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.addEventListener("click", act);
    return made;
  }

  heads.forEach(function (head, i) {
    head.replaceChildren(button(head.textContent, function () {
      sort(i, order.column === i && !order.down);
      remember();
    }));
  });
  document.querySelectorAll("[data-filter]").forEach(function (cell) {
    var wanted = new URLSearchParams(cell.dataset.filter);
    var number = cell.querySelector("span");
    var name = Array.from(wanted.values()).join(", ");
    var link = button(number.textContent, function () {
      names.forEach(function (field) { form.elements[field].value = wanted.get(field) || ""; });
      filter();
      remember();
      form.scrollIntoView();
      form.elements.words.focus({ preventScroll: true });
    });
    link.setAttribute("aria-label", number.textContent + ": show the claims " + name);
    number.replaceChildren(link);
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("input", function () { filter(); remember(); });
  form.addEventListener("reset", function () {
    setTimeout(function () { sort(heads.length - 1, false); filter(); remember(); }, 0);
  });
  addEventListener("hashchange", recall);
  form.hidden = shown.hidden = false;
  if (!recall()) filter();
  else form.scrollIntoView();
})();
