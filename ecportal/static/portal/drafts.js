/* Keeps what is typed in this tab until it has arrived; a lost session or connection costs nothing. */
"use strict";
{
  const PREFIX = "ec-draft:";
  const HOUR = 60 * 60 * 1000;
  const owner = document.querySelector('input[name="draft_of"]');
  const form = owner && owner.form;
  const key = owner && `${PREFIX}${owner.value}:${location.pathname}${location.search}`;
  const signedOut = "over" in document.currentScript.dataset;

  let store = null;
  try {
    store = window.sessionStorage;
  } catch {
    /* Forbidden by the browser: the form works without it. */
  }
  const read = (name) => {
    try {
      return JSON.parse(store.getItem(name)) || {};
    } catch {
      return {};
    }
  };
  const drop = (wanted) => {
    for (const name of Object.keys(store)) {
      if (name.startsWith(PREFIX) && wanted(name)) store.removeItem(name);
    }
  };

  /* What has arrived, is old, or is somebody else's goes; after signing out, everything. */
  const tidy = () => {
    const cookie = document.cookie.match(/(?:^|; )draft_done=([^;]*)/);
    const arrived = cookie && decodeURIComponent(cookie[1]);
    if (cookie) document.cookie = "draft_done=; path=/; max-age=0";
    drop((name) => {
      const [who, address] = name.slice(PREFIX.length).split(/:(.*)/s);
      const old = Date.now() - (read(name).at || 0) > 12 * HOUR;
      const other = Boolean(owner) && who !== owner.value;
      return signedOut || old || other || address.split("?")[0] === arrived;
    });
  };

  const fields = () =>
    [...form.elements].filter(
      (field) =>
        field.name &&
        field.matches("input, textarea, select") &&
        !["hidden", "password", "file", "submit"].includes(field.type),
    );
  const values = () => {
    const all = new FormData(form);
    return Object.fromEntries(fields().map((field) => [field.name, all.getAll(field.name)]));
  };
  const fill = (kept) => {
    for (const field of fields()) {
      const wanted = kept[field.name];
      if (!wanted) continue;
      if (["radio", "checkbox"].includes(field.type)) {
        field.checked = wanted.includes(field.value);
      } else {
        const place = fields().filter((one) => one.name === field.name).indexOf(field);
        field.value = wanted[place] || "";
        const folded = field.closest("details");
        if (folded && field.value) folded.open = true;
      }
    }
  };

  const tell = (words, label, act) => {
    const note = document.createElement("p");
    note.className = "kept";
    note.setAttribute("role", "status");
    note.append(`${words} `);
    if (label) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", () => {
        act();
        note.remove();
      });
      note.append(button);
    }
    form.querySelectorAll(".kept").forEach((one) => one.remove());
    form.prepend(note);
  };
  const clock = (at) =>
    new Date(at).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

  const watch = () => {
    const filled = Boolean(document.querySelector(".errornote, ul.messagelist .warning"));
    const first = filled ? "" : JSON.stringify(values());
    const found = read(key);
    const again = () => fill(found.values);
    const forget = () => {
      store.removeItem(key);
      form.reset();
    };
    if (!filled && found.values && found.sent) {
      const words = `You sent this form at ${clock(found.sent)}. If it did not arrive:`;
      tell(words, "Fill it in again", again);
    } else if (!filled && found.values) {
      again();
      tell(`What you typed at ${clock(found.at)} is filled in again.`, "Discard it", forget);
    }

    const save = (sent) => {
      const now = values();
      const secret = "private" in form.dataset || Boolean(form.querySelector("#id_confidential:checked"));
      if (secret || JSON.stringify(now) === first) store.removeItem(key);
      else store.setItem(key, JSON.stringify({ at: Date.now(), sent, values: now }));
    };
    form.addEventListener("input", () => save(0));
    let going = false;
    document.addEventListener("submit", (event) => {
      if (event.target !== form || event.defaultPrevented) return;
      if (going || !navigator.onLine) {
        event.preventDefault();
        if (!going) tell("There is no connection. What you typed is kept: send it when there is one.");
        return;
      }
      save(Date.now());
      going = true;
      setTimeout(() => (going = false), 5000);
    });
    window.addEventListener("pageshow", () => (going = false));
  };

  if (store) {
    tidy();
    document.addEventListener("submit", (event) => {
      if (event.target.action.endsWith("/logout/")) drop(() => true);
    });
    if (form) watch();
  }
}
