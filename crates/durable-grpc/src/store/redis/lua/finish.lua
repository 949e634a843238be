-- ARGV: ahead, prefix of channels, process, then for each claim: id, stream id, owner, kind of end
-- ('0': try again), record (of a cancellation when it is to be tried again), '1' when it was sent,
-- retention (0: none, -1: until handled, else milliseconds), pause before the next try.
-- Gives for each claim: 0 fenced, 1 recorded, 2 ended as cancelled instead of tried again.
local results, gone, bytes, answered, expired = {}, {}, 0, 0, 0
for n = 4, #ARGV, 8 do
  local id, sid, owner, kind, record = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], ARGV[n + 4]
  local sent, retention, pause = tonumber(ARGV[n + 5]), tonumber(ARGV[n + 6]), tonumber(ARGV[n + 7])
  local call = redis.call('HMGET', call_key(id), 's', 'q', 'w', 'k', 'n', 'a', 'c')
  local result = 1
  if not unfinished(call[1]) or call[2] ~= sid or holder(sid) ~= owner then
    result = 0
  else
    local attempts = (call[6] or 0) + sent
    if kind == '0' and call[7] then
      -- The attempt was over before the signal reached it: the call is not tried again.
      kind, result = '6', 2
    end
    if kind == '0' then
      local _, metadata, payload = entry(sid)
      local unsent = (redis.call('HGET', call_key(id), 'u') or 0) + 1 - sent
      redis.call('HSET', call_key(id), 's', 0, 'q', '', 'a', attempts, 'u', unsent,
        'm', metadata or '', 'd', payload or '')
      redis.call('ZADD', LATER, now + pause, id)
    else
      if retention < 0 then
        local _, metadata, payload = entry(sid)
        bury(id, kind, record, attempts, metadata, payload)
      else
        close(id, call[4], kind, record, attempts, retention)
      end
      bytes = bytes + call[5]
      if kind == '2' then answered = answered + 1 elseif kind == '3' then expired = expired + 1 end
      tell(call[3], id, record, ARGV[3])
    end
    gone[#gone + 1] = sid
  end
  results[#results + 1] = result
end
leave(gone)
if bytes > 0 then redis.call('HINCRBY', META, 'bytes', -bytes) end
if answered > 0 then redis.call('HINCRBY', META, 'answered', answered) end
if expired > 0 then redis.call('HINCRBY', META, 'expired', expired) end
publish(ARGV[2])
return results
