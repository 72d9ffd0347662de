/* Puts a button beside each text that is made to be copied. Without it the text is selected by hand. */
"use strict";
if (navigator.clipboard) {
  for (const text of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-small";
    const rest = `Copy ${text.dataset.copy}`;
    button.textContent = rest;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent.trim());
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it and copy by hand";
      }
      setTimeout(() => { button.textContent = rest; }, 2500);
    });
    text.after(" ", button);
  }
}
