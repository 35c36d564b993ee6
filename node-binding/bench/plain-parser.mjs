// A careful XFCC parser in plain JavaScript, to compare with: quotes and escapes are honoured, keys
// are checked, damage is an error. It knows no policy.

const KEYS = new Map(['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS'].map((key) => [key.toLowerCase(), key]));

/** Elements of a value, each an object of arrays' worth of strings: the last value of a key counts. */
export function parseXfcc(value) {
  const elements = [];
  let element = {};
  let at = 0;
  for (;;) {
    const equals = value.indexOf('=', at);
    if (equals < 0) {
      throw new Error('missing_equals');
    }
    const key = KEYS.get(value.slice(at, equals).toLowerCase());
    if (key === undefined) {
      throw new Error('unknown_key');
    }
    if (key in element && key !== 'URI' && key !== 'DNS' && key !== 'By') {
      throw new Error('duplicate_key');
    }
    let end = equals + 1;
    if (value.charCodeAt(end) === 0x22) {
      let text = '';
      for (end += 1; ; end += 1) {
        const unit = value.charCodeAt(end);
        if (Number.isNaN(unit)) {
          throw new Error('unclosed_quote');
        }
        if (unit === 0x22) {
          break;
        }
        if (unit === 0x5c) {
          end += 1;
        }
        text += value[end];
      }
      element[key] = text;
      end += 1;
    } else {
      for (; end < value.length; end += 1) {
        const unit = value.charCodeAt(end);
        if (unit === 0x2c || unit === 0x3b) {
          break;
        }
        if (unit === 0x22 || unit <= 0x20 || unit >= 0x7f) {
          throw new Error('bad_byte');
        }
      }
      element[key] = value.slice(equals + 1, end);
    }
    if (end === value.length) {
      elements.push(element);
      return elements;
    }
    const separator = value.charCodeAt(end);
    if (separator === 0x2c) {
      elements.push(element);
      element = {};
    } else if (separator !== 0x3b) {
      throw new Error('text_after_quote');
    }
    at = end + 1;
  }
}
