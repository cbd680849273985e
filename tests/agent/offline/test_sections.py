"""What the offline model writes about the findings of each tool."""

def test_x(findings, repository):
    from skep.agent.offline.sections import written
    for t in "inventory complexity churn secrets todos tests_layout dependencies documentation list_files".split():
        print("=====", t); print(written(t, findings(t)))
