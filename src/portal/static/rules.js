// A policy file is chosen instead of pasted: it is read here and goes as the form's text.
'use strict';
(() => {
  const pick = document.getElementById('pick'), upload = document.getElementById('upload');
  if (!pick) return;
  pick.hidden = false;
  upload.addEventListener('change', async () => {
    if (upload.files.length) document.getElementById('text').value = await upload.files[0].text();
  });
})();
