/**
 * Notes a saved transaction in the outbox. It posts nothing: a receiver that does not answer must
 * never keep anybody from saving.
 *
 * @NApiVersion 2.1
 * @NScriptType UserEventScript
 * @NModuleScope SameAccount
 */
define(['N/record', 'N/task', 'N/log', './message'], (record, task, log, message) => {
  const OUTBOX = 'customrecord_tieline_outbox';

  const appliedTo = (transaction) => {
    if (!transaction) return [];
    const found = [];
    const lines = Math.max(0, transaction.getLineCount({ sublistId: 'apply' }));
    for (let line = 0; line < lines; line += 1) {
      const value = (fieldId) =>
        transaction.getSublistValue({ sublistId: 'apply', fieldId, line });
      const isInvoice = value('trantype') === 'CustInvc' || value('type') === 'Invoice';
      if (value('apply') && isInvoice) found.push(String(value('internalid')));
    }
    return found;
  };

  // An inline edit carries the changed fields only, so that the record itself is asked.
  const whole = (context) =>
    context.type === context.UserEventType.XEDIT
      ? record.load({ type: context.newRecord.type, id: context.newRecord.id })
      : context.newRecord;

  const saveOf = (context) => {
    const settles = message.isSettling(String(context.newRecord.type));
    const deleted = context.type === context.UserEventType.DELETE;
    return {
      record: String(context.newRecord.type),
      id: context.newRecord.id,
      deleted,
      before: settles ? appliedTo(context.oldRecord) : [],
      after: settles && !deleted ? appliedTo(whole(context)) : [],
    };
  };

  const queue = (row) => {
    const entry = record.create({ type: OUTBOX });
    entry.setValue({ fieldId: 'custrecord_tieline_record', value: row.record });
    entry.setValue({ fieldId: 'custrecord_tieline_internalid', value: row.id });
    entry.setValue({ fieldId: 'custrecord_tieline_invoices', value: JSON.stringify(row.invoices) });
    entry.setValue({ fieldId: 'custrecord_tieline_attempts', value: 0 });
    entry.setValue({ fieldId: 'custrecord_tieline_next', value: 0 });
    entry.save();
  };

  const wakeSender = () => {
    try {
      task
        .create({
          taskType: task.TaskType.MAP_REDUCE,
          scriptId: 'customscript_tieline_send',
          deploymentId: 'customdeploy_tieline_send_now',
        })
        .submit();
    } catch (error) {
      // It runs already, or the queue is full: the scheduled deployment sends within 15 minutes.
      log.debug({ title: 'Tieline: sender not started', details: error.name });
    }
  };

  const afterSubmit = (context) => {
    try {
      const rows = message.rowsOf(saveOf(context));
      rows.forEach(queue);
      if (rows.length > 0) wakeSender();
    } catch (error) {
      // The save stands. The poll of Tieline finds what is missing in the outbox.
      log.error({ title: 'Tieline: change not queued', details: error.name });
    }
  };

  return { afterSubmit };
});
