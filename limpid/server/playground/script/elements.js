// The page's elements. Text enters as text, never as markup.

const byId = (id) => document.getElementById(id);

/** Returns a new element with these properties and children; strings become text. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const number = (value, digits = 2) => value.toLocaleString("en", { maximumFractionDigits: digits });
