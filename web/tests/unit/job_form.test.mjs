// The form of a new job, and what becomes of another job in it.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {EMPTY_FORM, bodyOf, formOf, keptWords, runWords} from '../../src/lib/job_form.js';

const form = (changes) => ({...EMPTY_FORM, ...changes});

test('the body of a submit', () => {
    assert.deepEqual(bodyOf(form({script: 'echo a\r\necho b\n'})), {script: 'echo a\necho b\n'});
    assert.deepEqual(bodyOf(form({what: 'command', command: 'ls\n-l\n', script: 'no'})),
        {command: ['ls', '-l']});
    assert.deepEqual(bodyOf(form({script: 'x', env: 'A=b=c\n\n B= d', timeout: ' 10m ',
                                  attempts: '3', priority: '-2', shell: 'sh', args: 'a b\nc'})),
        {script: 'x', shell: 'sh', args: ['a b', 'c'], timeout: '10m', env: {A: 'b=c', B: ' d'},
         priority: -2, retry: {maxAttempts: 3}});
});

test('a form that is wrong says what', () => {
    const wrong = (changes, words) => assert.throws(() => bodyOf(form(changes)), words);
    wrong({}, /Script/);
    wrong({script: ' \n'}, /Script/);
    wrong({what: 'command', command: '\n'}, /Command/);
    wrong({script: 'x', env: 'A=b\nno'}, /line 2/);
    wrong({script: 'x', env: '=b'}, /line 1/);
    wrong({script: 'x', priority: '1.5'}, /Priority/);
    wrong({script: 'x', attempts: 'two'}, /Attempts/);
});

test('a form with what another job ran makes the same body', () => {
    const spec = {command: ['a', '-b'], env: {A: 'x=y'}, workdir: '/tmp'};
    const job = {spec, name: 'n', namespace: null, group: 'default', fallback: 'WAIT',
                 timeout: '10m', queueTimeout: null, priority: 0, retry: {maxAttempts: 2}};
    const body = {command: ['a', '-b'], name: 'n', workdir: '/tmp', timeout: '10m',
                  env: {A: 'x=y'}, retry: {maxAttempts: 2}};
    assert.deepEqual(bodyOf(formOf(job)), body);
    // A namespace may have another group and another fallback.
    assert.deepEqual(bodyOf(formOf({...job, namespace: 'ns'})),
        {...body, namespace: 'ns', group: 'default', fallback: 'WAIT'});
    assert.deepEqual(bodyOf(formOf({...job, spec: {script: 's', args: ['q']}, group: 'gpu',
                                    retry: null})).group, 'gpu');
});

test('the command that submits the same', () => {
    assert.deepEqual(runWords({command: ['a', '-b'], group: 'g', env: {A: 'b'},
                               retry: {maxAttempts: 3}}),
        ['run', '--group', 'g', '--env', 'A=b', '--retry', '2', '--', 'a', '-b']);
    assert.deepEqual(runWords({script: 's', shell: 'sh', args: ['x']}),
        ['run', '--shell', 'sh', '--script', 'FILE', '--', 'x']);
});

const other = (changes, spec = {}) => ({spec: {command: ['a'], ...spec}, group: 'default',
    fallback: 'WAIT', retry: null, requires: null, ...changes});
const again = (changes, spec) => bodyOf(formOf(other(changes, spec)));

test('words and variables that a line cannot say are the same again', () => {
    for (const command of [['sh', '-c', 'two\nlines'], ['a', '', 'b'], [''], ['[', '-f', 'x', ']'],
                           ['[1]'], ['a', '\r'], [' ', 'a '], ['{']])
        assert.deepEqual(again({}, {command}).command, command);
    for (const args of [['', ''], ['x\ny'], ['[']])
        assert.deepEqual(again({}, {command: undefined, script: 's', args}).args, args);
    for (const env of [{A: 'two\nB=3'}, {A: ''}, {A: ' x '}, {'{': '1'}, {' A': '1'}, {A: '\r'},
                       {A: 'b=c'}])
        assert.deepEqual(again({}, {env}).env, env);
    const list = form({what: 'command',
                       command: '["sh", "-c", "a\\nb", ""]', env: '{"A": "x\\ny"}'});
    assert.deepEqual(bodyOf(list), {command: ['sh', '-c', 'a\nb', ''], env: {A: 'x\ny'}});
    for (const wrong of ['[', '[1]', '["a"'])
        assert.throws(() => bodyOf(form({what: 'command', command: wrong})), /Command: .*JSON/);
    assert.throws(() => bodyOf(form({script: 'x', env: '{"A": 1}'})), /Environment: .*JSON/);
    assert.throws(() => bodyOf(form({script: 'x', env: 'A=1\nA=2'})), /A is there twice/);
});

test('a script keeps its line breaks', () => {
    const start = (script) => formOf(other({}, {command: undefined, script}));
    for (const script of ['a\r\nb\r\n', 'a\rb', 'a\r\nb\n', 'a\nb\n'])
        assert.equal(bodyOf(start(script)).script, script);
    assert.equal(bodyOf({...start('a\r\nb'), script: 'a\nc'}).script, 'a\r\nc');
    assert.equal(bodyOf({...start('a\r\nb\n'), script: 'a\nc'}).script, 'a\nc');
});

test('what no field shows is kept, unless it is not wanted', () => {
    const retry = {type: 'exponential', interval: '2s', maxInterval: '1m', delayFactor: 3,
                   maxAttempts: 5, maxDuration: null};
    const job = other({requires: {os: 'linux', shell: {all: ['bash', 'sh']}}, lease: '5m',
                       killGrace: '30s', fallback: 'FAIL', retry}, {shell: 'bash', stdin: 'aGk='});
    const kept = {requires: {os: 'linux', shell: 'sh'}, stdin: 'aGk=', lease: '5m',
                  killGrace: '30s'};
    const {maxDuration, ...sent} = retry;
    assert.deepEqual(bodyOf(formOf(job)), {command: ['a'], fallback: 'FAIL', ...kept, retry: sent});
    assert.equal(maxDuration, null);
    const filled = formOf(job);
    assert.deepEqual(keptWords(filled).map(([, words]) => words), ['requires os=linux, shell=sh',
        'its standard input, 2 bytes', 'lease 5m', 'grace to end 30s',
        'how attempts follow each other: type exponential, interval 2s, maxInterval 1m, ' +
            'delayFactor 3']);
    const bare = bodyOf({...filled, dropped: keptWords(filled).map(([key]) => key)});
    assert.deepEqual(bare, {command: ['a'], fallback: 'FAIL', retry: {maxAttempts: 5}});
    assert.equal(bodyOf({...filled, attempts: ''}).retry, undefined);
    // The shell that the job names is required anyway.
    assert.equal(again({requires: {shell: 'sh'}}, {shell: 'sh'}).requires, undefined);
    const usual = {type: 'constant', interval: '1s', maxInterval: null, maxDuration: null};
    assert.deepEqual(again({retry: {...usual, maxAttempts: 3}}).retry, {maxAttempts: 3});
    assert.deepEqual(again({retry: {...usual, maxAttempts: null}}).retry, {});
    assert.deepEqual(keptWords(EMPTY_FORM), []);
});

test('a job that would become another one is refused', () => {
    const refused = (changes, spec) => assert.throws(() => formOf(other(changes, spec)),
        /cannot hold/);
    refused({}, {attemptMark: 'x'});
    refused({requires: {os: {all: ['a', 'b']}}});
    refused({requires: {os: 1}});
    refused({retry: {type: 'constant', interval: '1s', maxAttempts: 2, unheard: 1}});
    refused({}, {workdir: 'a\nb'});
});

test('a command that cannot say all is not shown', () => {
    const command = ['a', ''];
    assert.deepEqual(runWords({command, requires: {memory: '>= 16GiB'}, lease: '5m', stdin: 'aGk=',
                               name: '-x', priority: -2}),
        ['run', '--name=-x', '--require', 'memory=>= 16GiB', '--lease', '5m', '--priority=-2',
         '--stdin', 'FILE', '--', 'a', '']);
    for (const more of [{killGrace: '1s'}, {retry: {}}, {retry: {type: 'random', maxAttempts: 2}},
                        {requires: {'a=b': 'c'}}])
        assert.equal(runWords({command, ...more}), null);
    assert.equal(runWords({script: 's', stdin: 'aGk='}), null);
});
