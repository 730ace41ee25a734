// Before the page is drawn: the reader's choice of light or dark, if they made one.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* storage is closed: the system decides */ }
