// <hs-file label="…"> around a <textarea>: the text can come from a file of the visitor's device.

export class FileText extends HTMLElement {
  connectedCallback() {
    const text = this.querySelector('textarea');
    if (!text || this.querySelector('input')) return;
    const label = document.createElement('label');
    label.textContent = this.getAttribute('label');
    const field = document.createElement('input');
    field.type = 'file';
    field.accept = '.csv,text/csv,text/plain';
    field.addEventListener('change', async () => {
      const [file] = field.files;
      if (file) text.value = await file.text();
    });
    label.append(field);
    this.prepend(label);
  }
}
