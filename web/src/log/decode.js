// What GET …/follow?format=json sends: lines of JSON in UTF-8, some with bytes in base64.

const LINE_MAX = 8 * 1024 * 1024; // characters; the coordinator's lines are far shorter

// The lines of a stream of bytes, as arrays: those that came with one read. A last line without its
// end was broken off, and is left out: it comes again after the cursor.
export async function* lines(stream) {
    const reader = stream.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    try {
        for (;;) {
            const {done, value} = await reader.read();
            if (done) return;
            const text = decoder.decode(value, {stream: true});
            const end = text.lastIndexOf('\n');
            if (end < 0) {
                rest += text;
                if (rest.length > LINE_MAX) throw new Error('the output has a line without an end');
                continue;
            }
            const whole = rest + text.slice(0, end);
            rest = text.slice(end + 1);
            yield whole.split('\n').filter(Boolean);
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}

const encoder = new TextEncoder();

// The bytes of a message with output; null for other messages. Both are stored as bytes, so a
// character that stands in two chunks is whole again.
export function bytesOf(message) {
    if (typeof message.text === 'string') return encoder.encode(message.text);
    if (typeof message.base64 !== 'string') return null;
    const text = atob(message.base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
}
