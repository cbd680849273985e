-- The fair deal of policy/fairness.py. A chunk of Lua has 200 names: those that only the deal needs
-- stay in here.

local deal
do
  -- Put a seat back where its virtual time belongs; seats are sorted, and it usually goes far back.
  local function reinsert(seats, seat)
    local place = #seats + 1
    while place > 1 do
      local other = seats[place - 1]
      if other.vt < seat.vt or (other.vt == seat.vt and other.id < seat.id) then break end
      place = place - 1
    end
    table.insert(seats, place, seat)
  end

  -- How many tasks a seat is served at one visit, of a claim that asks for `limit`.
  local function quantum_of(limit)
    return math.min(math.max(math.floor(limit / VISITS), 1), QUANTUM_MAX)
  end

  -- The fair deal of policy/fairness.py: the head of each lane in turn, a quantum each, until the
  -- limit. A swarm is read when its seat is visited, for most of the seats are not. Answers a share
  -- for each visit: {lane, id, number}.
  function deal(ctx, rings, limit)
    local room, waiting, served, turn, quantum = {}, {}, {}, 0, quantum_of(limit)
    local function room_of(id)
      if not room[id] then
        local s = sheet(ctx, id)
        room[id] = s.cap - s.counts.running
      end
      return room[id]
    end
    for _, ring in ipairs(rings) do
      if ring.turn > turn then turn = ring.turn end
      if #ring.seats > 0 then waiting[#waiting + 1] = ring end
    end
    while limit > 0 and #waiting > 0 do
      local ring = table.remove(waiting, 1)
      while #ring.seats > 0 and room_of(ring.seats[1].id) <= 0 do table.remove(ring.seats, 1) end
      if #ring.seats > 0 then
        local seat = table.remove(ring.seats, 1)
        local s = sheet(ctx, seat.id)
        seat.ready = seat.ready or seats_of(s)[ring.lane].ready
        local number = math.min(quantum, limit, room[seat.id], seat.ready)
        local stride = math.floor(STRIDE / WEIGHTS[s.priority + 1])
        served[#served + 1] = {lane = ring.lane, id = seat.id, number = number}
        limit, turn = limit - number, turn + number
        room[seat.id] = room[seat.id] - number
        ring.floor, ring.served_turn = seat.vt + (number - 1) * stride, turn
        seat.vt, seat.ready = seat.vt + number * stride, seat.ready - number
        ring.vts = ring.vts or {}
        ring.vts[seat.id] = seat.vt
        if seat.ready > 0 then reinsert(ring.seats, seat) end
        waiting[#waiting + 1] = ring
      end
    end
    return served
  end
end
