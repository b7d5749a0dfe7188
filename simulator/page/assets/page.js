// Live sections renew themselves every second, unless one edits in them.
"use strict";

const busy = (section) =>
  section.querySelector("details[open]") || section.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");

async function renew() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { "X-Live": "1" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const section of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(section.id);
    if (next && !busy(section) && next.innerHTML !== section.dataset.shown) {
      if (section.dataset.shown !== undefined || next.innerHTML !== section.innerHTML) section.innerHTML = next.innerHTML;
      section.dataset.shown = next.innerHTML;
    }
  }
}

async function live() {
  try {
    await renew();
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away"); // the site is not reachable now
  }
  setTimeout(live, 1000);
}

// After a refused form the address is the form's: showing it anew would fail.
if (document.querySelector("[data-live]") && !document.querySelector(".error")) setTimeout(live, 1000);

document.addEventListener("click", (e) => {
  if (e.target.matches("[data-cancel]")) e.target.closest("details").open = false;
});
document.addEventListener("submit", (e) => {
  const question = e.target.dataset.confirm;
  if (question && !confirm(question)) e.preventDefault();
});
document.addEventListener("change", (e) => {
  if (e.target.matches("[data-submit]")) e.target.form.submit();
});
document.addEventListener("toggle", (e) => {
  if (e.target.matches("details.edit[open]")) {
    const field = e.target.querySelector("form input:not([type=hidden]), form textarea, form select");
    if (field && !e.target.matches(".transitions")) field.focus();
  }
}, true);
document.addEventListener("keydown", (e) => {
  const open = e.key === "Escape" && e.target.closest("details[open]");
  if (open) open.open = false;
});
