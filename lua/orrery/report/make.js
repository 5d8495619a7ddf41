// What the scripts of a page make its elements with.
//
//   orrery.make('p', { className: 'note' }, 'text', element ...)
(function () {
'use strict';
const orrery = window.orrery = window.orrery || {};

orrery.make = function (tag, fields, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};
})();
