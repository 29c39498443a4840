// Keeps the static files and the page for a cut line; nothing that is personal (docs/pages.md says why).
