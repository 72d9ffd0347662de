/* Lets files be dropped, pasted or photographed, several at once, and shows how far they are sent.
   The file field works without it. */
"use strict";
{
  const input = document.querySelector('input[type="file"][data-limit]');
  const words = (bytes) =>
    bytes < 1024 * 1024
      ? `${Math.max(1, Math.round(bytes / 1024))} KB`
      : `${(bytes / 1024 / 1024).toFixed(1)} MB`;

  const element = (name, values) => Object.assign(document.createElement(name), values);

  const start = () => {
    const form = input.form;
    const most = Number(input.dataset.atOnce);
    const zone = element("div", { className: "drop" });
    const said = element("p", { className: "drop-said" });
    const list = element("ul", { className: "files" });
    const bar = element("progress", { className: "sending", max: 1, hidden: true });
    bar.setAttribute("aria-label", "Sent so far");
    said.setAttribute("role", "status");
    input.before(zone);

    const touched = navigator.maxTouchPoints > 0;
    const how = most > 1 ? ["Drop files", "Choose files"] : ["Drop a file", "Choose a file"];
    const hint = element("p", {
      className: "drop-hint",
      textContent: touched
        ? `${how[1]}, paste a picture, or take a photo:`
        : `${how[0]} here, paste a picture, or choose:`,
    });

    const camera = element("input", { type: "file", accept: "image/*", hidden: true });
    camera.setAttribute("capture", "environment");
    const photograph = element("button", {
      type: "button",
      className: "btn",
      textContent: "Take a photo",
    });
    photograph.addEventListener("click", () => camera.click());

    /* What was typed about a file stays with it while others come and go. */
    const typed = new Map();
    const row = (file, index) => {
      const line = element("li", {});
      line.append(element("strong", { textContent: file.name }), words(file.size));
      const about = element("input", {
        type: "text",
        name: "about",
        maxLength: 300,
        value: typed.get(file) || "",
        placeholder: "What this one proves, if it needs words of its own",
      });
      about.setAttribute("aria-label", `What ${file.name} proves`);
      about.addEventListener("input", () => typed.set(file, about.value));
      const away = element("button", { type: "button", className: "btn", textContent: "Remove" });
      away.setAttribute("aria-label", `Remove ${file.name}`);
      away.addEventListener("click", () => set([...input.files].filter((_, at) => at !== index)));
      line.append(about, away);
      return line;
    };

    /* Says what is chosen; what is too large or too many is refused before anything is sent. */
    const wrong = () => {
      const files = [...input.files];
      if (files.length > most) return `Attach at most ${most} at once.`;
      const large = files.find((file) => file.size > Number(input.dataset.limit));
      if (!large) return "";
      return files.length > 1 ? `${large.name}: ${input.dataset.tooLarge}` : input.dataset.tooLarge;
    };
    const tell = () => {
      const files = [...input.files];
      const problem = wrong();
      input.setCustomValidity(problem);
      zone.classList.toggle("drop-wrong", Boolean(problem));
      const what =
        files.length === 1
          ? `${files[0].name}, ${words(files[0].size)}.`
          : `${files.length} files, ${words(files.reduce((sum, file) => sum + file.size, 0))}.`;
      said.textContent = files.length ? `${what} ${problem || "Not sent yet."}` : "";
      list.replaceChildren(...(files.length > 1 ? files.map(row) : []));
      return !problem;
    };
    const set = (files) => {
      const all = new DataTransfer();
      files.forEach((file) => all.items.add(file));
      input.files = all.files;
      tell();
    };
    const take = (files) => set(most > 1 ? [...input.files, ...files] : [...files].slice(0, 1));

    /* A page that answers takes the place of this one, as if the browser had sent the form. */
    const show = (page) => {
      document.open();
      document.write(page);
      document.close();
    };
    let sending = false;
    const send = () => {
      const request = new XMLHttpRequest();
      const size = [...input.files].reduce((sum, file) => sum + file.size, 0);
      request.open("POST", form.action || location.href);
      request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
      request.upload.addEventListener("progress", (event) => {
        bar.value = event.total ? event.loaded / event.total : 0;
        const done = Math.floor(bar.value * 100);
        said.textContent =
          done < 100 ? `${done} % of ${words(size)} sent.` : "All is sent; it is being stored.";
      });
      request.addEventListener("load", () => {
        const next = request.getResponseHeader("X-Next-Page");
        if (next) location.assign(next);
        else show(request.responseText);
      });
      request.addEventListener("error", () => {
        sending = false;
        bar.hidden = true;
        zone.classList.add("drop-wrong");
        said.textContent = "The connection broke. Nothing was recorded; send it again.";
      });
      sending = true;
      bar.hidden = false;
      bar.value = 0;
      request.send(new FormData(form));
    };
    form.addEventListener("submit", (event) => {
      if (sending || !tell()) {
        event.preventDefault();
        if (!sending) input.focus();
      } else if (input.files.length && navigator.onLine) {
        event.preventDefault();
        send();
      }
    });

    camera.addEventListener("change", () => take(camera.files));
    input.addEventListener("change", tell);
    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.add("drop-over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      zone.addEventListener(name, () => zone.classList.remove("drop-over"));
    }
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      take(event.dataTransfer.files);
    });
    document.addEventListener("paste", (event) => {
      const files = event.clipboardData ? event.clipboardData.files : [];
      if (!files.length) return;
      event.preventDefault();
      take(files);
    });
    zone.append(hint, input, ...(touched ? [photograph, camera] : []), said, list, bar);
  };

  if (input) start();
}
