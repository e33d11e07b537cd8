import assert from 'node:assert/strict';
import test from 'node:test';

import {fieldOf, fieldText, inputsOf, optionWords, own, pairsOf, parseExact, show, valueOf}
    from '../../src/lib/inputs.js';

test('what stands in a field comes back as it was', () => {
    for (const [type, value] of [['STRING', 'a b'], ['INT', 7], ['FLOAT', 1.5], ['BOOLEAN', false],
        ['DATE', '2026-01-31'], ['DURATION', 'PT1H'], ['SELECT', 'red']])
        assert.equal(valueOf({type, defaults: null}, fieldText({type}, value)), String(value));
    assert.deepEqual(valueOf({type: 'ARRAY'}, fieldText({type: 'ARRAY'}, [1, 2])), ['1', '2']);
    assert.deepEqual(valueOf({type: 'JSON'}, fieldText({type: 'JSON'}, {a: [1]})),
                     '{\n  "a": [\n    1\n  ]\n}');
    assert.equal(fieldText({type: 'YAML'}, 'a: 1\n'), 'a: 1\n');
});

test('words that would be read otherwise stand in JSON', () => {
    for (const value of [['a', ' b'], [''], ['[x'], ['a\nb'], [{a: 1}], [[1]], [null]]) {
        const text = fieldText({type: 'ARRAY'}, value);
        assert.equal(text, JSON.stringify(value));
        assert.deepEqual(valueOf({type: 'ARRAY'}, text), value);
    }
});

test('an empty field means the default, but for a text and a list that have one', () => {
    for (const type of ['STRING', 'INT', 'BOOLEAN', 'DATE', 'JSON', 'YAML', 'ARRAY', 'SELECT'])
        assert.equal(valueOf({type, defaults: null}, ''), undefined);
    assert.equal(valueOf({type: 'INT', defaults: 3}, ''), undefined);
    assert.equal(valueOf({type: 'STRING', defaults: 'x'}, ''), '');
    assert.deepEqual(valueOf({type: 'MULTISELECT', defaults: ['x']}, ''), []);
});

test('what is no JSON is told', () => {
    assert.throws(() => valueOf({type: 'JSON'}, '{a'), /is no JSON/);
    assert.throws(() => valueOf({type: 'ARRAY'}, '[1,'), /is no list in JSON/);
});

test('a form: defaults are left out, what is needed is told', () => {
    const list = [{id: 'a', type: 'STRING', required: true, defaults: null},
                  {id: 'b', type: 'INT', required: false, defaults: 2},
                  {id: 'c', type: 'JSON', required: false, defaults: null},
                  {id: 'd', type: 'MULTISELECT', required: false, defaults: ['x', 'y']}];
    const same = {a: 'hi', b: '2', c: '', d: 'x\ny'};
    assert.deepEqual(inputsOf(list, same), {inputs: {a: 'hi'}, problems: {}});
    assert.deepEqual(inputsOf(list, {a: '', b: '3', c: '{', d: 'x'}),
                     {inputs: {b: '3', d: ['x']},
                      problems: {a: 'is needed', c: inputsOf(list, {c: '{'}).problems.c}});
    assert.match(inputsOf(list, {c: '{'}).problems.c, /is no JSON/);
});

test('an id of an input may be any word', () => {
    const {inputs} = inputsOf([{id: 'db.host', type: 'STRING', defaults: null}],
                              {'db.host': '<b>'});
    assert.deepEqual(inputs, {'db.host': '<b>'});
});

test('an id of an input may be what every object has', () => {
    for (const id of ['constructor', 'toString', '__proto__']) {
        const list = [{id, type: 'JSON', required: true, defaults: null}];
        assert.deepEqual(Object.entries(inputsOf(list, {}).problems), [[id, 'is needed']]);
        const typed = (text) => inputsOf(list, Object.fromEntries([[id, text]]));
        assert.deepEqual(Object.entries(typed('1').inputs), [[id, '1']]);
        assert.match(Object.entries(typed('{').problems)[0][1], /is no JSON/);
        assert.equal(own({}, id), undefined);
    }
});

test('pairs', () => {
    assert.deepEqual(pairsOf('a=1\n\n b = x=y \n'), {a: '1', b: 'x=y'});
    assert.throws(() => pairsOf('a'), /'a' is not KEY=VALUE/);
    assert.deepEqual(pairsOf(''), {});
    assert.deepEqual(pairsOf('a='), {a: ''});
    for (const bad of ['=a', ' =a', '=', '\t= ='])
        assert.throws(() => pairsOf(bad), /is not KEY=VALUE/);
});

test('a key is given once, and may be any word', () => {
    for (const text of ['a=1\na=2', 'a=1\n\n a =1'])
        assert.throws(() => pairsOf(text), /'a' is there twice/);
    assert.throws(() => pairsOf('__proto__=1\n__proto__=2'), /'__proto__' is there twice/);
    const pairs = pairsOf('__proto__=x\nconstructor=y');
    assert.deepEqual(Object.entries(pairs), [['__proto__', 'x'], ['constructor', 'y']]);
    assert.equal(JSON.stringify(pairs), '{"__proto__":"x","constructor":"y"}');
    assert.deepEqual(optionWords('--label', pairs),
                     ['--label', '__proto__=x', '--label', 'constructor=y']);
});

test('words of the command line', () => {
    assert.deepEqual(optionWords('--input', {a: 'x y', b: [1], c: null, d: ''}),
                     ['--input', 'a=x y', '--input', 'b=[1]', '--input', 'd=']);
});

test('numbers keep their digits where the engine can', {skip: !JSON.rawJSON}, () => {
    const text = '{"a":1.0,"b":9007199254740993,"c":[1e3],"d":7}';
    assert.equal(JSON.stringify(parseExact(text)), text);
    assert.equal(show(parseExact('1.0')), '1.0');
});

test('fields', () => {
    assert.equal(fieldOf({type: 'INT', min: 1, max: 9}).hint, 'an integer from 1 to 9');
    assert.equal(fieldOf({type: 'INT', min: 0}).hint, 'an integer, at least 0');
    assert.equal(fieldOf({type: 'STRING', defaults: 'a\nb'}).kind, 'text');
    assert.equal(fieldOf({type: 'MULTISELECT'}).kind, 'text');
    assert.deepEqual(fieldOf({type: 'MULTISELECT', values: ['a']}).options, ['a']);
    assert.equal(fieldOf({type: 'NEW'}).kind, 'line');
});

test('a selection of many keeps values that look like something else', () => {
    const input = {type: 'MULTISELECT', defaults: null};
    for (const value of [['a', 'b'], ['[x]'], ['{"a"', ' b '], ['a\nb']])
        assert.deepEqual(valueOf(input, fieldText(input, value)), value);
});
