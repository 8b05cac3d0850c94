/** Light or dark: the system's preference unless the user has chosen. Runs before the page is painted. */
const root = document.documentElement;
root.dataset.theme = localStorage.getItem("greenroom.theme") ?? "";

document.addEventListener("DOMContentLoaded", () => {
  document.querySelector("#theme").addEventListener("click", () => {
    const now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("greenroom.theme", root.dataset.theme);
  });
});
