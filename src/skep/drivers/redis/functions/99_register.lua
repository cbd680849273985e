-- The functions by the names under which they are called.

redis.register_function('LIBRARY_arrive', arrive)
redis.register_function('LIBRARY_mend', mend)
redis.register_function('LIBRARY_submit', served(submit))
redis.register_function('LIBRARY_stage', served(stage))
redis.register_function('LIBRARY_stage_piece', served(stage_piece))
redis.register_function('LIBRARY_stage_flip', served(stage_flip))
redis.register_function('LIBRARY_add', served(add))
redis.register_function('LIBRARY_distribute', served(placing.distribute))
redis.register_function('LIBRARY_shift', served(placing.shift))
redis.register_function('LIBRARY_declare_pools', served(pools.declare))
redis.register_function('LIBRARY_allocate', served(pools.allocate))
redis.register_function('LIBRARY_release', served(pools.release))
redis.register_function('LIBRARY_sweep_pools', served(pools.sweep))
redis.register_function('LIBRARY_put_case', served(placing.put_case))
redis.register_function('LIBRARY_claim', served(claim))
redis.register_function('LIBRARY_settle', served(settle))
redis.register_function('LIBRARY_steer', served(steer))
redis.register_function('LIBRARY_renew', served(renew))
redis.register_function('LIBRARY_reclaim', served(reclaim))
redis.register_function('LIBRARY_sweep', served(sweep))
redis.register_function('LIBRARY_reconcile', served(reconcile))
redis.register_function('LIBRARY_write', served(write))
redis.register_function('LIBRARY_remark', served(remark))
redis.register_function('LIBRARY_ask', served(ask_people))
redis.register_function('LIBRARY_decide', served(decide))
redis.register_function('LIBRARY_admit', served(gating.admit))
redis.register_function('LIBRARY_report', served(gating.report))
redis.register_function('LIBRARY_reopen', served(gating.reopen))
redis.register_function('LIBRARY_send', served(mail.send))
redis.register_function('LIBRARY_take', served(mail.take))
redis.register_function('LIBRARY_renew_mail', served(mail.renew))
redis.register_function('LIBRARY_acknowledge', served(mail.acknowledge))
redis.register_function('LIBRARY_give_back_mail', served(mail.give_back))
redis.register_function('LIBRARY_replay_mail', served(mail.replay))
redis.register_function('LIBRARY_dead_mail', served(mail.dead))
redis.register_function('LIBRARY_campaign', served(leading.campaign))
redis.register_function('LIBRARY_renew_term', served(leading.renew))
redis.register_function('LIBRARY_resign', served(leading.resign))
redis.register_function('LIBRARY_note_duty', served(leading.note))
redis.register_function('LIBRARY_enrol', served(census.enrol))
redis.register_function('LIBRARY_beat', served(census.beat))
redis.register_function('LIBRARY_leave', served(census.leave))
redis.register_function('LIBRARY_host', served(census.host))
redis.register_function('LIBRARY_call_roll', served(census.sweep))
redis.register_function('LIBRARY_adopt', served(census.adopt))
redis.register_function('LIBRARY_keep', served(states.keep))
redis.register_function('LIBRARY_drop_capture', served(states.drop))
redis.register_function('LIBRARY_suspend', served(states.suspend))
redis.register_function('LIBRARY_lay', served(states.lay))
redis.register_function('LIBRARY_reinstate', served(states.reinstate))
redis.register_function('LIBRARY_found', served(states.found))
redis.register_function('LIBRARY_found_log', served(states.log))
redis.register_function('LIBRARY_show', served(states.show))
redis.register_function('LIBRARY_statistics', served(census.statistics))
redis.register_function('LIBRARY_tally', served(census.tally))
redis.register_function('LIBRARY_deregister', served(census.deregister))
redis.register_function('LIBRARY_archive', served(census.archive))
redis.register_function('LIBRARY_expire', served(census.expire))
redis.register_function('LIBRARY_put', served(put))
redis.register_function('LIBRARY_drop', served(drop))
redis.register_function('LIBRARY_forget', served(forget))
redis.register_function('LIBRARY_clear', served(clear))
redis.register_function('LIBRARY_due', served(due))
redis.register_function('LIBRARY_hold', served(hold))
redis.register_function('LIBRARY_let_go', served(let_go))
redis.register_function('LIBRARY_load', served(load))
redis.register_function('LIBRARY_load_content', served(load_content))
redis.register_function('LIBRARY_index', served(index))
redis.register_function('LIBRARY_commit', served(commit))
redis.register_function('LIBRARY_roll', roll)
redis.register_function{
  function_name = 'LIBRARY_read_pools', callback = served(pools.read), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_pack', callback = served(pack), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_some_tasks', callback = served(some_tasks), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_plan_tasks', callback = served(plan_tasks), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_find', callback = served(census.find), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_departed', callback = served(census.departed), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_archived', callback = served(census.archived), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_hosted', callback = served(census.hosted), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_read_mail', callback = served(mail.read), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_leader', callback = served(leading.read), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_image', callback = served(states.image), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_captures', callback = served(states.captures), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_page', callback = served(page), flags = {'no-writes'}
}
redis.register_function{
  function_name = 'LIBRARY_look_at', callback = served(look_at), flags = {'no-writes'}
}
