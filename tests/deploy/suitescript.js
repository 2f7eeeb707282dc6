/**
 * Runs the SuiteScripts of `deploy/netsuite` outside NetSuite: AMD modules, with stand-ins of the
 * N/ modules that note what they are asked to do. Reads a scenario as JSON, writes what happened.
 */
const { createHmac } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const vm = require('node:vm');

const folder = process.argv[2];
const scenario = JSON.parse(readFileSync(0, 'utf8'));
const happened = { created: [], deleted: [], updated: [], posted: [], logged: [], started: 0 };

const load = (name, modules) => {
  let made;
  const define = (names, factory) => {
    made = factory(...names.map((n) => (n.startsWith('./') ? load(n.slice(2), modules) : modules[n])));
  };
  vm.runInNewContext(readFileSync(join(folder, `${name}.js`), 'utf8'), { define, Date, JSON });
  return made;
};

const fails = (what) => {
  if ((scenario.broken || []).includes(what)) throw new Error(`${what} is broken`);
};

const modules = {
  'N/log': {
    error: (entry) => happened.logged.push(entry),
    debug: () => {},
  },
  'N/record': {
    create: ({ type }) => {
      fails('record');
      const row = { type };
      return {
        setValue: ({ fieldId, value }) => { row[fieldId] = value; },
        save: () => happened.created.push(row),
      };
    },
    delete: ({ id }) => happened.deleted.push(id),
    submitFields: ({ id, values }) => happened.updated.push({ id, ...values }),
    load: () => transaction(scenario.loaded),
  },
  'N/task': {
    TaskType: { MAP_REDUCE: 'MAP_REDUCE' },
    create: () => ({ submit: () => { fails('task'); happened.started += 1; } }),
  },
  'N/query': {
    runSuiteQL: ({ query }) => ({
      asMappedResults: () =>
        query.includes('FROM transaction')
          ? scenario.changed ? [{ changed: scenario.changed }] : []
          : scenario.rows,
    }),
  },
  'N/runtime': {
    envType: scenario.production ? 'PRODUCTION' : 'SANDBOX',
    EnvType: { PRODUCTION: 'PRODUCTION', SANDBOX: 'SANDBOX' },
    accountId: 'TSTDRV123_SB1',
    getCurrentScript: () => ({ getParameter: ({ name }) => scenario.parameters[name] }),
  },
  'N/encode': { Encoding: { UTF_8: 'UTF_8', BASE_64: 'BASE_64' } },
  'N/crypto': {
    HashAlg: { SHA256: 'SHA256' },
    createSecretKey: ({ secret, encoding }) => ({ secret, encoding }),
    createHmac: ({ key }) => {
      const hmac = createHmac('sha256', Buffer.from(scenario.secrets[key.secret], 'utf8'));
      return {
        update: ({ input }) => { hmac.update(input, 'utf8'); },
        digest: () => hmac.digest('base64'),
      };
    },
  },
  'N/https': {
    post: (request) => {
      happened.posted.push(request);
      const code = scenario.answers[happened.posted.length - 1];
      if (code === 0) throw new Error('no connection');
      return { code };
    },
  },
};

const transaction = (state) => state && {
  type: state.type,
  id: state.id,
  getLineCount: () => (state.apply ? state.apply.length : -1),
  getSublistValue: ({ fieldId, line }) => state.apply[line][fieldId],
};

if (scenario.run === 'save') {
  const types = { CREATE: 'create', EDIT: 'edit', XEDIT: 'xedit', DELETE: 'delete' };
  load('queue_changes', modules).afterSubmit({
    UserEventType: types,
    type: scenario.type,
    newRecord: transaction(scenario.after),
    oldRecord: transaction(scenario.before),
  });
} else {
  const script = load('send_changes', modules);
  script.getInputData().forEach((row) => script.map({ value: JSON.stringify(row) }));
}
process.stdout.write(JSON.stringify(happened));
